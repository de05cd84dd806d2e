namespace BackupTool.Operations.Installation;

/// <summary>Who starts the runs of the schedules.</summary>
public enum InstallMode
{
    /// <summary>A systemd timer each.</summary>
    Timer,
    /// <summary>The agent.</summary>
    Agent,
}

/// <summary>A secret that systemd hands to the units (<c>LoadCredential=</c>).</summary>
/// <param name="Name">As the configuration names it.</param>
/// <param name="Source">An absolute path.</param>
public sealed record InstalledCredential(string Name, string Source);

/// <summary>What is to be installed.</summary>
public sealed record InstallSettings
{
    /// <summary>Who starts the runs.</summary>
    public required InstallMode Mode { get; init; }

    /// <summary>What the units run: an absolute path.</summary>
    public required string Program { get; init; }

    /// <summary>Secrets.</summary>
    public IReadOnlyList<InstalledCredential> Credentials { get; init; } = [];

    /// <summary>Whether it is what was installed last.</summary>
    public bool IsRecorded(InstallRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return record.Mode == Mode && record.Program == Program && record.Credentials.SequenceEqual(Credentials);
    }
}
