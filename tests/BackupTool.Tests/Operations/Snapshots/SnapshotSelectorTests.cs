using BackupTool.Operations.Snapshots;
using BackupTool.Repositories;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Snapshots;

public sealed class SnapshotSelectorTests
{
    private static readonly StoredSnapshot Whole = Stored(1, "homeserver", "maubot"), WithoutBot = Stored(2, "homeserver");

    [Fact]
    public void The_latest_of_a_service_is_the_latest_that_holds_it()
    {
        Select("latest", "maubot").Should().Be(Whole);
        Select("latest", "homeserver", "maubot").Should().Be(Whole);
        Select("latest", "homeserver").Should().Be(WithoutBot);
        Select("latest").Should().Be(WithoutBot);
        Select("latest~1", "maubot").Should().Be(Whole, "a number counts what 'backup list' shows");
    }

    [Fact]
    public void Who_names_a_snapshot_gets_that_one_whatever_it_holds()
    {
        Select(WithoutBot.Id.Prefix, "maubot").Should().Be(WithoutBot);
        Select("latest", "unknown").Should().Be(WithoutBot, "what nothing holds is told with what the latest does hold");
        FluentActions.Invoking(() => Select("latest~2", "maubot")).Should().Throw<NotInRepositoryException>();
    }

    private static StoredSnapshot Select(string selector, params string[] services) => SnapshotSelector.SelectFor(services, [Whole, WithoutBot], selector, TimeZoneInfo.Utc);

    private static StoredSnapshot Stored(int day, params string[] services) =>
        SomeSnapshots.Make(new DateTimeOffset(2026, 11, day, 2, 30, 0, TimeSpan.Zero), "host", [], [.. services.Select(static name => SomeSnapshots.Service(name, 1000, 3))]);
}
