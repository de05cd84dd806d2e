using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Snapshots;

/// <summary>
/// One run over one cut: the commit point of everything it names. Stored pretty-printed as <c>snapshots/&lt;sha256&gt;.json</c>; restore.sh reads it
/// with awk, so the member names of <see cref="Archive"/> are part of the format.
/// </summary>
public sealed record Snapshot
{
    /// <summary>What is written. Version 1 lacks what services did meanwhile: windowSeconds, copy, crashReason.</summary>
    public const int CurrentVersion = 2;

    /// <summary>1 or 2.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>The repository it belongs to.</summary>
    public required string RepositoryId { get; init; }

    /// <summary>When the cut was made, in UTC: restore.sh sorts by its text.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>When the run was finished, in UTC.</summary>
    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>The machine's name.</summary>
    public required string Host { get; init; }

    /// <summary>Words of the operator's: <c>pre-upgrade</c>.</summary>
    public required string[] Labels { get; init; }

    /// <summary>Never forgotten by rotation.</summary>
    public required bool Pinned { get; init; }

    /// <summary>The schedule that asked for it; null when a person did.</summary>
    public string? Schedule { get; init; }

    /// <summary>Version of this tool.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>The snapshot whose unchanged entries were taken over; null for a first one.</summary>
    public string? Parent { get; init; }

    /// <summary>How long everything stood still together, from the last stop to the first start; null when nothing was stopped or frozen.</summary>
    public double? WindowSeconds { get; init; }

    /// <summary>What was backed up, in the order of the configuration.</summary>
    public required ServiceSnapshot[] Services { get; init; }

    /// <summary>Services that could not be backed up in this run.</summary>
    public required ServiceFailure[] Failures { get; init; }

    /// <summary>What the run took.</summary>
    public required SnapshotStatistics Statistics { get; init; }

    /// <summary>Says what this version cannot understand, or null.</summary>
    internal string? FindProblem() =>
        FormatVersion is < 1 or > CurrentVersion ? $"it has format {FormatVersion}"
        : Services.SelectMany(static s => s.Archive.ChunkList.Concat(s.Archive.Catalog)).Any(static id => !ChunkId.TryParse(id, out _)) ? "a chunk id is malformed"
        : null;
}

/// <summary>A service that this run could not back up.</summary>
/// <param name="Name">Which.</param>
/// <param name="Reason">Why.</param>
public sealed record ServiceFailure(string Name, string Reason);

/// <summary>One service in a snapshot.</summary>
public sealed record ServiceSnapshot
{
    /// <summary>Its name in the configuration. restore.sh looks for it: unique in a snapshot.</summary>
    public required string Name { get; init; }

    /// <summary>Its profile.</summary>
    public required string Kind { get; init; }

    /// <summary>Its systemd unit.</summary>
    public string? Unit { get; init; }

    /// <summary>How it was held still: online, stop, freeze; imported for an archive that was adopted.</summary>
    public required string Quiesce { get; init; }

    /// <summary>
    /// What kind of copy that makes: <c>clean</c> (it had ended by itself), <c>frozen</c> (as a power cut would leave it, at one moment for all), <c>crash</c> (it had to be killed, or failed to
    /// stop), <c>inactive</c> (it was not running), <c>online</c>. Null in version 1, and for imports.
    /// </summary>
    public string? Copy { get; init; }

    /// <summary>Why it is a crash copy; null when it is none.</summary>
    public string? CrashReason { get; init; }

    /// <summary>From its first stop until it was healthy again; null when it was not stopped.</summary>
    public double? DowntimeSeconds { get; init; }

    /// <summary>Where its state lies, as absolute paths.</summary>
    public required string[] Roots { get; init; }

    /// <summary>What the profile learned: plugin versions, engine, names of secrets — never their contents.</summary>
    public required SortedDictionary<string, string> Facts { get; init; }

    /// <summary>Where its bytes are.</summary>
    public required Archive Archive { get; init; }

    /// <summary>What was left out on purpose, and why.</summary>
    public required LeftOut[] LeftOut { get; init; }

    /// <summary>What could not be read or stored as it should be.</summary>
    public required LeftOut[] Warnings { get; init; }
}

/// <summary>A path and what happened to it.</summary>
public sealed record LeftOut(string Path, string Reason);

/// <summary>A tar stream, as chunks.</summary>
public sealed record Archive
{
    /// <summary>Bytes of the tar stream.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes of the files in it.</summary>
    public required long ContentBytes { get; init; }

    /// <summary>Members.</summary>
    public required long Entries { get; init; }

    /// <summary>Regular files.</summary>
    public required long Files { get; init; }

    /// <summary>Chunks of the tar stream.</summary>
    public required long ChunkCount { get; init; }

    /// <summary>Ids of the chunks that, concatenated, are the chunk list: a line a chunk, id and size, tab-separated.</summary>
    public required string[] ChunkList { get; init; }

    /// <summary>Ids of the chunks that, concatenated, are the catalog.</summary>
    public required string[] Catalog { get; init; }
}

/// <summary>What a run took and stored.</summary>
public sealed record SnapshotStatistics
{
    /// <summary>Entries whose chunks were taken over from the parent without reading them.</summary>
    public required long ReusedEntries { get; init; }

    /// <summary>Bytes read from the services.</summary>
    public required long ReadBytes { get; init; }

    /// <summary>Chunks that were new.</summary>
    public required long NewChunks { get; init; }

    /// <summary>Bytes that the repository grew by, this snapshot's own file not counted.</summary>
    public required long StoredBytes { get; init; }

    /// <summary>Wall time.</summary>
    public required double Seconds { get; init; }
}
