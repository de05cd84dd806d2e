using System.Text.Json;
using System.Text.Json.Serialization;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Replacing;

/// <summary>Which of the two states of something that is replaced.</summary>
public enum Side
{
    /// <summary>What was there before.</summary>
    Old,
    /// <summary>What takes its place.</summary>
    New,
}

/// <summary>How far a replacement is. What a recovery does is in each.</summary>
public enum ReplacementPhase
{
    /// <summary>The new state is being made beside the old one; nothing live was touched. A recovery throws it away.</summary>
    Preparing,
    /// <summary>The services are down, and some things may have changed places. A recovery puts all back.</summary>
    Exchanging,
    /// <summary>Everything has changed places, and the services are being started. A recovery goes on; what does not get healthy is put back.</summary>
    Trying,
    /// <summary>All is being put back. A recovery goes on with it.</summary>
    Returning,
    /// <summary>It is decided: <see cref="ReplacementRecord.Live"/> stays.</summary>
    Settled,
}

/// <summary>
/// One replacement of the state of services, as its journal (<c>replacement.json</c> in the state directory) and, once it is settled, <c>previous/ID.json</c> say it: all
/// that is needed to finish or to undo it. A change to these shapes is a new <see cref="FormatVersion"/>.
/// </summary>
public sealed record ReplacementRecord
{
    internal const int CurrentVersion = 1;
    internal const string WipeAction = "wipe";

    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>Lower-case letters, digits and hyphens: part of the names of what is put aside.</summary>
    public required string Id { get; init; }

    /// <summary>What was asked for: <c>restore</c> or <c>wipe</c>.</summary>
    public required string Action { get; init; }

    /// <summary>Its new state is whole before it lives, or was whole once, so that all that is left to do is to start it; false for one that is filled when it lives.</summary>
    [JsonIgnore]
    internal bool IsTriedByStarting => Action != WipeAction || WasSettled;

    /// <summary>When it was begun, in UTC.</summary>
    public required DateTimeOffset Began { get; init; }

    /// <summary>The snapshot that the new state is from; null for none.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The snapshot that was made of the old state; null when there is none.</summary>
    public string? SafetySnapshot { get; init; }

    /// <summary>How far it is.</summary>
    public required ReplacementPhase Phase { get; init; }

    /// <summary>Which side is meant to live.</summary>
    public required Side Goal { get; init; }

    /// <summary>Which side lives; while it is not settled, the one that a recovery goes back to.</summary>
    public required Side Live { get; init; }

    /// <summary>It has been settled before: this is a rollback, and both sides are to be kept whatever comes of it.</summary>
    public bool WasSettled { get; init; }

    /// <summary>The services that are replaced, and those that need them.</summary>
    public required AffectedService[] Services { get; init; }

    /// <summary>Files and directories.</summary>
    public required ReplacedPath[] Paths { get; init; }

    /// <summary>PostgreSQL databases.</summary>
    public required ReplacedDatabase[] Databases { get; init; }

    /// <summary>Names of the services that are replaced.</summary>
    [JsonIgnore]
    public IEnumerable<string> ReplacedServices => Services.Where(static service => service.IsReplaced).Select(static service => service.Name);

    /// <summary>What changes places, for people: paths and databases.</summary>
    [JsonIgnore]
    public IEnumerable<string> Exchanged => Paths.Select(static path => PathText.Read(path.Live).ToString()).Concat(Databases.Select(static database => $"the database {database.Database}"));

    /// <summary>Where the side that does not live is kept, for people: directories and databases.</summary>
    [JsonIgnore]
    public IEnumerable<string> KeptAt => Paths.Select(path => PathText.Read(path.Aside).Combine(Live == Side.New ? "old" : "new").ToString()).Distinct()
        .Concat(Databases.Select(database => DatabaseNames.For(database.Database, Id)).Select(names => $"database {(Live == Side.New ? names.Previous : names.Fresh)}"));

    internal byte[] Serialize() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ReplacementJson.Default.ReplacementRecord), (byte)'\n'];

    /// <exception cref="OperationException">It is not one of this version.</exception>
    internal static ReplacementRecord Parse(byte[] content, BytePath file)
    {
        string? problem;
        try
        {
            ReplacementRecord? record = JsonSerializer.Deserialize(content, ReplacementJson.Default.ReplacementRecord);
            problem = record is null ? "it is null" : record.FormatVersion != CurrentVersion ? $"it has format {record.FormatVersion}, and this version reads {CurrentVersion}" : null;
            if (problem is null)
            {
                foreach (ReplacedPath path in record!.Paths) _ = (PathText.Read(path.Live), PathText.Read(path.Aside), path.Carried.Select(PathText.Read).ToArray());
                return record;
            }
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            problem = e.Message;
        }
        throw new OperationException($"{file} cannot be read: {problem}",
            "It says what a restore or wipe was doing. Look at the directories named .backup-restore-* beside the services' data, where the old state (old/) and the new one (new/) are; put in place what you want, then move the file away.");
    }
}

/// <summary>A service that a replacement stops.</summary>
public sealed record AffectedService
{
    /// <summary>Its name in the configuration.</summary>
    public required string Name { get; init; }

    /// <summary>Its unit; null when nothing is stopped for it.</summary>
    public string? Unit { get; init; }

    /// <summary>Its own state is replaced; false for one that only needs one whose is.</summary>
    public required bool IsReplaced { get; init; }

    /// <summary>It was up before.</summary>
    public required bool WasActive { get; init; }

    /// <summary>It was well before.</summary>
    public required bool WasHealthy { get; init; }

    /// <summary>Services that it needs.</summary>
    public required string[] After { get; init; }

    /// <summary>How long it may take to get healthy.</summary>
    public required double HealthTimeoutSeconds { get; init; }

    /// <summary>How long it may take to stop.</summary>
    public required double StopSeconds { get; init; }

    /// <summary>What is asked besides its unit.</summary>
    public ProbeRecord? Probe { get; init; }

    /// <summary>Which server it must be with the new state; null when nothing is known of that.</summary>
    public ServerIdentity? Identity { get; init; }
}

/// <summary>A file or directory that changes places with another by rename. Paths are written with <see cref="PathText"/>.</summary>
public sealed record ReplacedPath
{
    /// <summary>Where it lives: absolute, without links.</summary>
    public required string Live { get; init; }

    /// <summary>The directory, in the same parent, that has what is not live: below <c>new/</c> or <c>old/</c>, by the same name.</summary>
    public required string Aside { get; init; }

    /// <summary>The old one, by which it is known wherever it is; null when there was none. Not known before everything is at rest.</summary>
    public FileIdentity? Old { get; init; }

    /// <summary>Files beside it that belong to it alone and go where it goes: a database's <c>-wal</c>, <c>-shm</c> and <c>-journal</c>.</summary>
    public Companion[] Companions { get; init; } = [];

    /// <summary>Relative to <see cref="Live"/>: what backups leave out. It stays with whichever side lives.</summary>
    public string[] Carried { get; init; } = [];
}

/// <summary>A file that goes with another.</summary>
/// <param name="Suffix">Its name is the other's and this.</param>
/// <param name="HadOld">The old one has it.</param>
public sealed record Companion(string Suffix, bool HadOld);

/// <summary>An inode.</summary>
public sealed record FileIdentity(ulong Device, ulong Inode)
{
    internal static FileIdentity Of(in FileStatus status) => new(status.Device, status.Inode);
}

/// <summary>A PostgreSQL database that changes places with another by rename. Its server's password is the configuration's to know.</summary>
public sealed record ReplacedDatabase
{
    /// <summary>The service that it belongs to.</summary>
    public required string Service { get; init; }

    /// <summary>Its name while it lives.</summary>
    public required string Database { get; init; }

    /// <summary>Where its server listens; null for the usual socket.</summary>
    public string? Host { get; init; }

    /// <summary>Its server's port.</summary>
    public required int Port { get; init; }

    /// <summary>There was one of that name.</summary>
    public required bool HadOld { get; init; }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, UseStringEnumConverter = true, NewLine = "\n",
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(ReplacementRecord))]
internal sealed partial class ReplacementJson : JsonSerializerContext;
