using BackupTool.Operations.Backup;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Tests.Operations.Replacing;

public sealed class CarriedPathsTests
{
    [Fact]
    public async Task What_backups_leave_out_goes_over_to_the_restored_tree()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/db", "1");
        world.Write("data/cache/a/b", "1");
        world.Write("data/sub/x.tmp", "1");
        world.Write("data/.backup-restore-1/old/db", "1");
        world.Write("data/.backup-staging-1-1-1/x", "1");
        ServiceSnapshot service = await world.BackUpAsync(entry => IsLeftOut(entry.Path) ? null : entry, "data");
        world.Write("data/new/y.tmp", "its directory is not in the snapshot");

        LivePlacement placement = await world.PlanAsync(service, PlacementWorld.Settings("cache", "*.tmp"), new ServiceLayout { Roots = [world.At("data")] });

        placement.Problems.Should().BeEmpty();
        placement.Items.Should().ContainSingle().Which.Carried.Should().Equal(BytePath.From("cache"), BytePath.From("sub/x.tmp"));
        placement.Notes.Should().ContainSingle().Which.Should().Contain("new/y.tmp").And.Contain("stays with the replaced state");

        static bool IsLeftOut(BytePath path) => path.ToString() is var text && (text.Contains("/cache", StringComparison.Ordinal) || text.EndsWith(".tmp", StringComparison.Ordinal) || text.Contains("/.backup-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_snapshot_has_after_all_is_restored_from_it()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/cache/a", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");

        LivePlacement placement = await world.PlanAsync(service, PlacementWorld.Settings("cache"), new ServiceLayout { Roots = [world.At("data")] });

        placement.Items.Should().ContainSingle().Which.Carried.Should().BeEmpty();
        placement.Notes.Should().ContainSingle().Which.Should().Contain("data/cache").And.Contain("restored from it");
    }

    [Fact]
    public async Task What_was_excluded_when_the_snapshot_was_made_goes_over_too()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/db", "1");
        world.Write("data/media/1", "1");
        ServiceSnapshot service = await world.BackUpAsync(entry => entry.Path.IsAtOrBelow(world.At("data/media")) ? null : entry, "data");
        service = service with { LeftOut = [new LeftOut(world.At("data/media").ToString(), "exclude = \"media\""), new LeftOut(world.At("data/gone").ToString(), "exclude = \"gone\"")] };

        (await world.PlanAsync(service)).Items.Should().ContainSingle().Which.Carried.Should().Equal(BytePath.From("media"));
    }

    [Fact]
    public async Task Exclusions_of_a_service_that_cannot_be_described_are_named()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/db", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");

        (await world.PlanAsync(service, PlacementWorld.Settings("cache"), null)).Notes.Should().ContainSingle().Which.Should().Contain("cannot be described");
        (await world.PlanAsync(service, PlacementWorld.Settings(), null)).Notes.Should().BeEmpty();
    }

    [Fact]
    public async Task The_files_of_a_RocksDB_are_the_snapshots_and_its_servers_own_backups_stay()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        foreach (string file in new[] { "CURRENT", "LOCK", "LOG", "LOG.old.1", "000001.sst", "MANIFEST-000001" }) world.Write($"data/{file}", "1");
        world.Write("data/backups/meta/1", "1");
        ServiceSnapshot service = await world.BackUpAsync(
            entry => entry.Path.Name.ToString() is "LOCK" or "LOG" or "LOG.old.1" || (entry.Path != world.At("data/backups") && entry.Path.IsAtOrBelow(world.At("data/backups"))) ? null : entry, "data");
        var layout = new ServiceLayout
        {
            Roots = [world.At("data")],
            RocksDbDirectories = [world.At("data")],
            Exclusions = [new Exclusion(world.At("data"), Glob.Parse("/LOG"), "no data"), new Exclusion(world.At("data/backups"), Glob.Parse("/*"), "the server's own")],
        };

        (await world.PlanAsync(service, PlacementWorld.Settings(), layout)).Items.Should().ContainSingle().Which.Carried.Should().Equal(BytePath.From("backups/meta"));
    }

    [Fact]
    public async Task A_backup_leaves_out_what_a_restore_in_place_has_beside_the_state_and_says_so()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/db", "1");
        world.Write("data/.backup-restore-2026/old/db", "1");
        world.Write("data/sub/.backup-restore-", "a file of the service's own");
        var leftOut = new List<BytePath>();
        var tree = new ServiceTree(PlacementWorld.Settings(), new ServiceLayout { Roots = [world.At("data")] }, world.Configuration.Repository.Path, static _ => { }, (path, _) => leftOut.Add(path));

        tree.Walk().Select(static (WalkedEntry entry) => entry.Path).Should().Equal(world.At("data"), world.At("data/db"), world.At("data/sub"), world.At("data/sub/.backup-restore-"));
        leftOut.Should().Equal(world.At("data/.backup-restore-2026"));
    }
}
