using System.Globalization;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Verify;
using BackupTool.Repositories;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Rotation;

/// <summary>Three years of nights in Berlin on a real repository: what remains each day is reckoned here with the calendar alone.</summary>
public sealed class ThreeYearsTests : IAsyncLifetime
{
    private static readonly DateOnly First = new(2026, 11, 10), Last = First.AddYears(3);
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
    private static readonly RetentionPolicy Keep = new() { Last = 3, Daily = 7, Weekly = 4, Monthly = 12, Yearly = 2 };

    private readonly Dictionary<SnapshotId, DateOnly> _nights = [];
    private readonly SettableTime _time = new(default);
    private readonly List<long> _sizes = [];
    private RotationBox _box = null!;
    private TreeBackup _tree = null!;
    private TreeBackupResult? _before;

    public async ValueTask InitializeAsync()
    {
        _tree = await TreeBackup.CreateAsync();
        _box = await RotationBox.CreateAsync();
    }

    public ValueTask DisposeAsync()
    {
        _tree.Dispose();
        _box.Dispose();
        return default;
    }

    [Fact]
    public async Task Exactly_the_promised_snapshots_remain_every_day_and_the_repository_verifies_every_month()
    {
        DateOnly? verified = null;
        for (DateOnly day = First; day < Last; day = day.AddDays(1))
        {
            // At half past two, or, in the night that has none, at half past three.
            _time.Now = new DateTimeOffset(Existing(day.ToDateTime(new TimeOnly(2, 30))), TimeSpan.Zero);
            await BackUpAsync(day);
            if (day.Day == 1)
            {
                await VerifyAsync();
                verified = day;
                _sizes.Add(Directory.EnumerateFiles(_tree.Place, "*", SearchOption.AllDirectories).Sum(static file => new FileInfo(file).Length));
            }
            RotationReport report = await RotateAsync();
            report.Warnings.Should().HaveCount(verified is null ? 1 : 0);
            (await RemainingAsync()).Should().Equal(Promised(day, verified), $"that is what remains on {day:yyyy-MM-dd}");
        }
        await VerifyAsync();
        _sizes.Skip(14).Max().Should().BeLessThan(_sizes.Take(14).Max() * 3 / 2, "but for one more year, what is stored in fourteen months is all that is ever kept at once");
    }

    private static DateTime Existing(DateTime local) => TimeZoneInfo.ConvertTimeToUtc(Berlin.IsInvalidTime(local) ? local.AddHours(1) : local, Berlin);

    /// <summary>With a snapshot every night: the last seven days; the last night of each of four weeks, twelve months and two years; and all since the newest verified.</summary>
    private static SortedSet<DateOnly> Promised(DateOnly today, DateOnly? verified)
    {
        var days = new SortedSet<DateOnly>();
        for (int i = 0; i < Keep.Daily; i++) Promise(today.AddDays(-i));
        DateOnly sunday = today.AddDays((7 - (int)today.DayOfWeek) % 7);
        for (int i = 0; i < Keep.Weekly; i++) Promise(sunday.AddDays(-7 * i));
        DateOnly nextMonth = new DateOnly(today.Year, today.Month, 1).AddMonths(1);
        for (int i = 0; i < Keep.Monthly; i++) Promise(nextMonth.AddMonths(-i).AddDays(-1));
        for (int i = 0; i < Keep.Yearly; i++) Promise(new DateOnly(today.Year - i, 12, 31));
        for (DateOnly day = verified ?? today; day <= today; day = day.AddDays(1)) Promise(day);
        return days;

        void Promise(DateOnly day)
        {
            // The stretch that is not over has its last night today; those before the first night have none.
            if (day >= First) days.Add(day < today ? day : today);
        }
    }

    private async Task BackUpAsync(DateOnly day)
    {
        await File.WriteAllBytesAsync(Path.Combine(_tree.Tree, "diary"), PseudoRandom.Bytes(2000, (ulong)day.DayNumber), Test.Token);
        _before = await _tree.RunAsync(_before, adopted: await _tree.ReopenAsync(), isCommitted: false);
        StoredSnapshot stored = await _tree.Repository.CommitAsync(new Snapshot
        {
            FormatVersion = Snapshot.CurrentVersion,
            RepositoryId = _tree.Repository.Format.Id,
            Time = _time.Now,
            FinishedAt = _time.Now,
            Host = Environment.MachineName,
            Labels = [],
            Pinned = false,
            Schedule = "nightly",
            ToolVersion = "test",
            Services = [.. new[] { "maubot", "slack" }.Select(name => new ServiceSnapshot { Name = name, Kind = "files", Quiesce = "online", Roots = ["/"], Facts = [], Archive = _before.Archive, LeftOut = [], Warnings = [] })],
            Failures = [],
            Statistics = new SnapshotStatistics { ReusedEntries = 0, ReadBytes = 0, NewChunks = 0, StoredBytes = 0, Seconds = 0 },
        }, Test.Token);
        _nights.Add(stored.Id, day);
    }

    /// <summary>By the names of the files alone.</summary>
    private async Task<IEnumerable<DateOnly>> RemainingAsync() =>
        (await _tree.Storage.ListAsync("snapshots/", Test.Token)).Select(file => _nights[SnapshotId.TryParseFileName(file.Name, out SnapshotId? id) ? id.Value : default]).Order();

    private async Task<RotationReport> RotateAsync()
    {
        BackupTool.Operations.Configuration.BackupConfiguration configuration = _box.Configuration("", RotationBox.Schedule("nightly", Keep, ScheduleStep.Backup, ScheduleStep.Rotate));
        RotationReport report = await new RotationRun(configuration with { Repository = configuration.Repository with { Path = _tree.Storage.Root } }, _box, _time).RunAsync(new RotationRequest(), Test.Token);
        return report;
    }

    private async Task VerifyAsync()
    {
        VerifyReport report = await new VerifyRun(_tree.Repository, static _ => throw new InvalidOperationException(), _box, _time).RunAsync(
            VerifyLevel.Data, null, static all => all, static () => throw new InvalidOperationException(), Test.Token);
        report.Problems.Should().BeEmpty(_time.Now.ToString(CultureInfo.InvariantCulture));
    }
}
