using System.Text;

namespace BackupTool.Operations.Installation;

/// <summary>What is done to a file.</summary>
public enum FileStep
{
    /// <summary>It is as it should be.</summary>
    Keep,
    /// <summary>It is not there, and is written.</summary>
    Create,
    /// <summary>It is as we wrote it, and is written anew.</summary>
    Update,
    /// <summary>Somebody else has written or changed it, and it is written over if that is allowed.</summary>
    Overwrite,
    /// <summary>It is as we wrote it, and is wanted no more.</summary>
    Remove,
    /// <summary>It is wanted no more, but somebody has changed it: it stays.</summary>
    Leave,
}

/// <summary>A file in a plan.</summary>
/// <param name="Path">Absolute, as systemd sees it.</param>
/// <param name="Step">What is done to it.</param>
/// <param name="Before">What is in it; null when it is not there.</param>
/// <param name="After">What is to be in it; null for nothing.</param>
public sealed record PlannedFile(string Path, FileStep Step, string? Before, string? After)
{
    /// <summary>What changes, as <c>diff -u</c> shows it.</summary>
    public string Diff => Step is FileStep.Leave or FileStep.Keep ? "" : UnifiedDiff.Of(Path, Before, After);
}

/// <summary>What an installation does. Pure: made from what is wanted, what is there, and what was installed before.</summary>
public sealed record InstallPlan
{
    /// <summary>The unit files.</summary>
    public required IReadOnlyList<PlannedFile> Units { get; init; }

    /// <summary>A configuration and a schedule where there are none. They are the operator's from then on.</summary>
    public required IReadOnlyList<PlannedFile> Configuration { get; init; }

    /// <summary>What is disabled, because it is wanted no more.</summary>
    public required IReadOnlyList<string> Disabled { get; init; }

    /// <summary>What is enabled.</summary>
    public required IReadOnlyList<string> Enabled { get; init; }

    /// <summary>Every file, those that are kept too.</summary>
    public IEnumerable<PlannedFile> Files => Configuration.Concat(Units);

    /// <summary>Something on the disk changes.</summary>
    public bool ChangesFiles => Files.Any(static file => file.Step is not (FileStep.Keep or FileStep.Leave));

    /// <summary>Files that somebody else has changed.</summary>
    public IEnumerable<PlannedFile> Foreign => Units.Where(static file => file.Step == FileStep.Overwrite);

    /// <summary>Decides.</summary>
    /// <param name="wanted">Paths and texts of unit files.</param>
    /// <param name="configuration">Paths and texts of what is written only where there is nothing.</param>
    /// <param name="enabled">What is to be enabled.</param>
    /// <param name="record">What was installed before; null for nothing.</param>
    /// <param name="read">What is in a file; null when it is not there.</param>
    public static InstallPlan Make(IReadOnlyDictionary<string, string> wanted, IReadOnlyDictionary<string, string> configuration, IReadOnlyList<string> enabled, InstallRecord? record, Func<string, byte[]?> read)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(read);
        PlannedFile[] written = [.. wanted.Select(file => Decide(file.Key, file.Value, record, read(file.Key)))];
        PlannedFile[] unwanted = [.. (record?.Files ?? []).Where(file => !wanted.ContainsKey(file.Path)).Select(file => Decide(file.Path, null, record, read(file.Path))).Where(static file => file.Before is not null)];
        return new InstallPlan
        {
            Units = [.. written, .. unwanted],
            Configuration = [.. configuration.Where(file => read(file.Key) is null).Select(static file => new PlannedFile(file.Key, FileStep.Create, null, file.Value))],
            Enabled = enabled,
            Disabled = [.. (record?.Enabled ?? []).Except(enabled)],
        };
    }

    private static PlannedFile Decide(string path, string? wanted, InstallRecord? record, byte[]? there)
    {
        string? before = there is null ? null : Encoding.UTF8.GetString(there);
        bool isOurs = there is not null && record is not null && record.IsOurs(path, there);
        FileStep step = (before, wanted) switch
        {
            _ when before == wanted => FileStep.Keep,
            (null, _) => FileStep.Create,
            (_, null) => isOurs ? FileStep.Remove : FileStep.Leave,
            _ => isOurs ? FileStep.Update : FileStep.Overwrite,
        };
        return new PlannedFile(path, step, before, wanted);
    }
}
