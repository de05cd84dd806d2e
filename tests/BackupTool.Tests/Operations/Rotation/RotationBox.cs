using System.Text;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Rotation;

/// <summary>A real repository with snapshots of services that hold nothing, and what is done with them. The time is what it is set to.</summary>
internal sealed class RotationBox : IDisposable, IProgressObserver
{
    private readonly TemporaryDirectory _there = new();

    private RotationBox()
    {
    }

    internal Repository Repository { get; private set; } = null!;

    internal SettableTime Time { get; } = new(DateTimeOffset.Parse("2026-11-23T12:00Z", System.Globalization.CultureInfo.InvariantCulture));

    internal IStorage Storage => Repository.Storage;

    internal string Place => _there.Below("repository");

    internal string Below(string name) => _there.Below(name);

    internal static async Task<RotationBox> CreateAsync()
    {
        var box = new RotationBox();
        box.Repository = await Repository.InitializeAsync(new LocalStorage(BytePath.From(box.Place)), box.Time, "test", Test.Token);
        return box;
    }

    /// <summary>A snapshot so many days before now.</summary>
    internal async Task<StoredSnapshot> AddAsync(double daysAgo, string[]? services = null, Func<Snapshot, Snapshot>? change = null)
    {
        var snapshot = new Snapshot
        {
            FormatVersion = Snapshot.CurrentVersion,
            RepositoryId = Repository.Format.Id,
            Time = Time.Now.AddDays(-daysAgo),
            FinishedAt = Time.Now.AddDays(-daysAgo),
            Host = Environment.MachineName,
            Labels = [],
            Pinned = false,
            ToolVersion = "test",
            Services = [.. (services ?? ["maubot"]).Select(Empty)],
            Failures = [],
            Statistics = new SnapshotStatistics { ReusedEntries = 0, ReadBytes = 0, NewChunks = 0, StoredBytes = 0, Seconds = 0 },
        };
        return await Repository.CommitAsync(change is null ? snapshot : change(snapshot), Test.Token);
    }

    private static ServiceSnapshot Empty(string name) => new()
    {
        Name = name,
        Kind = "files",
        Quiesce = "online",
        Roots = ["/"],
        Facts = [],
        Archive = new Archive { Bytes = 0, ContentBytes = 0, Entries = 0, Files = 0, ChunkCount = 0, ChunkList = [], Catalog = [] },
        LeftOut = [],
        Warnings = [],
    };

    /// <summary>Says that a verification read all that these snapshots need, and found nothing.</summary>
    internal async Task ProveAsync(params StoredSnapshot[] snapshots) => await EvidenceFile.WriteAsync(Storage, new Evidence
    {
        FormatVersion = 1,
        Action = "verify",
        Time = Time.Now,
        Host = Environment.MachineName,
        Level = "data",
        Snapshots = [.. snapshots.Select(static snapshot => snapshot.Id.Hex)],
        Problems = [],
        ReadBytes = 0,
    }, Test.Token);

    internal BackupConfiguration Configuration(string text, params ScheduleSettings[] schedules) =>
        ConfigurationReader.Parse(BytePath.From(Below("backup.toml")), Encoding.UTF8.GetBytes($"[repository]\npath = \"{Place}\"\n[service.maubot]\nkind = \"files\"\npaths = [\"/srv\"]\n{text}\n"), null) with { Schedules = schedules };

    internal Task<RotationReport> RotateAsync(string configuration, RotationRequest? request = null, params ScheduleSettings[] schedules) =>
        new RotationRun(Configuration(configuration, schedules), this, Time).RunAsync(request ?? new RotationRequest(), Test.Token);

    internal Task<ForgetReport> ForgetAsync(bool force, params string[] selectors) =>
        new ForgetRun(Repository, this, Time).RunAsync(new ForgetRequest { Selectors = selectors, Force = force, LockWait = TimeSpan.Zero }, Test.Token);

    internal Task<PinReport> PinAsync(bool isPinned, params string[] selectors) => new PinRun(Repository, this, Time).RunAsync(selectors, isPinned, TimeSpan.Zero, Test.Token);

    internal async Task<SnapshotId[]> IdsAsync() => [.. (await Repository.ListSnapshotsAsync(Test.Token)).Select(static one => one.Id)];

    internal static ScheduleSettings Schedule(string name, RetentionPolicy? keep, params ScheduleStep[] steps) => new()
    {
        File = BytePath.From($"/etc/backup/schedules/{name}.toml"),
        Name = name,
        Cron = "30 2 * * *",
        TimeZone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"),
        Run = steps,
        Keep = keep,
    };

    public void Begin(string phase, long? totalBytes, long? totalItems)
    {
    }

    public void Advance(long bytes, long items)
    {
    }

    public void Message(string text)
    {
    }

    public void Warn(string text)
    {
    }

    public void Dispose() => _there.Dispose();
}
