using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Operations.Schedules;

/// <summary>What was read of a folder of schedules.</summary>
/// <param name="Schedules">Those that can be used, by name.</param>
/// <param name="Errors">What is wrong with the others.</param>
/// <param name="Warnings">What is worth telling.</param>
internal sealed record FolderReading(IReadOnlyList<ScheduleSettings> Schedules, IReadOnlyList<ConfigurationProblem> Errors, IReadOnlyList<ConfigurationProblem> Warnings);

/// <summary>Reads <c>schedules/*.toml</c> beside the configuration file. Other names are passed over: an editor's copies, a README.</summary>
internal static class ScheduleFolder
{
    private const string Extension = ".toml";
    private const int MaxBytes = 1 << 20, MaxNameLength = 64;

    /// <summary>The folder of a configuration file.</summary>
    internal static BytePath Beside(BytePath configurationFile) => configurationFile.Parent.Combine("schedules");

    /// <summary>Reads them all; a folder that is not there has none.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="configuration">Names the services and the other policies; null when it cannot be used, and nobody knows them.</param>
    internal static FolderReading Read(BytePath folder, BackupConfiguration? configuration)
    {
        var schedules = new List<ScheduleSettings>();
        var problems = new List<ConfigurationProblem>();
        foreach (BytePath name in ListNames(folder, problems))
        {
            BytePath file = folder.Combine(name);
            var found = new ProblemList(file);
            if (ReadOne(file, found, configuration) is { } schedule) schedules.Add(schedule);
            problems.AddRange(found.InOrder());
        }
        List<ConfigurationProblem> errors = [.. problems.Where(static problem => !problem.IsWarning)];
        if (configuration is not null && errors.Count == 0) problems.AddRange(ScheduleChecks.Check(schedules, configuration));
        return new FolderReading(schedules, errors, [.. problems.Where(static problem => problem.IsWarning)]);
    }

    private static IEnumerable<BytePath> ListNames(BytePath folder, List<ConfigurationProblem> problems)
    {
        try
        {
            if (!PosixFile.TryGetStatusFollowing(folder, out _)) return [];
            using var directory = PosixDirectory.Open(folder);
            return [.. directory.ReadNames().Where(static name => name.Bytes.EndsWith(".toml"u8) && name.Bytes[0] != (byte)'.').Order()];
        }
        catch (PosixException e)
        {
            problems.Add(new ConfigurationProblem(folder.ToString(), 0, 0, $"the schedules cannot be read: {e.Message}", "Run as root.", IsWarning: false));
            return [];
        }
    }

    private static ScheduleSettings? ReadOne(BytePath file, ProblemList problems, BackupConfiguration? configuration)
    {
        string name = file.Name.ToString()[..^Extension.Length];
        if (name.Length is 0 or > MaxNameLength || name[0] == '-' || !name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
        {
            problems.Add(default, $"`{name}` cannot be the name of a schedule", $"Units are called by it: use lower-case letters, digits and hyphens, the first not a hyphen, {MaxNameLength} at most.");
            return null;
        }
        try
        {
            return new ScheduleReader(problems, configuration?.Services.Select(static service => service.Name).ToList()).Read(file, name, PosixFile.ReadAllFollowing(file, MaxBytes));
        }
        catch (PosixException e)
        {
            problems.Add(default, $"the schedule cannot be read: {e.Message}", "Run as root, or remove it.");
            return null;
        }
    }
}
