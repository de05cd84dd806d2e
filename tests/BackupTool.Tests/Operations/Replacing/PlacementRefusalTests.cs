using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Replacing;

public sealed class PlacementRefusalTests
{
    [Fact]
    public async Task A_mount_point_is_refused_and_what_is_in_it_is_not()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/sub dir/db", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");
        world.Mount("data", "-t", "tmpfs", "none");
        world.MakeDirectory("data/sub dir");

        PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain($"{world.At("data")} is a mount point (tmpfs)");
        problem.Hint.Should().Contain("--target");

        string include = problem.Hint.Split('\'')[1];
        LivePlacement inside = await world.PlanAsync(service, include);
        inside.Problems.Should().BeEmpty("the hint can be followed");
        inside.Items.Should().ContainSingle().Which.Live.Should().Be(world.At("data/sub dir"));
    }

    [Fact]
    public async Task A_mount_point_below_is_refused()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/sub dir/db", "1");
        world.Write("elsewhere/x", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");
        world.Mount("data/sub dir", "--bind", world.At("elsewhere").ToString());

        (await world.PlanAsync(service)).Problems.Should().ContainSingle().Which.Message.Should().Contain($"{world.At("data/sub dir")} below {world.At("data")} is a mount point");
    }

    [Fact]
    public async Task A_file_that_another_is_mounted_on_is_refused()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("etc/it.yaml", "1");
        world.Write("elsewhere/x", "1");
        ServiceSnapshot service = await world.BackUpAsync("etc/it.yaml");
        world.Mount("etc/it.yaml", "--bind", world.At("elsewhere/x").ToString());

        PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain("is a mount point");
        problem.Hint.Should().NotContain("--include");
    }

    [Theory]
    [InlineData("etc")]
    [InlineData("var/lib")]
    [InlineData("srv")]
    [InlineData("home")]
    [InlineData("usr/local")]
    [InlineData("proc/sys")]
    [InlineData("data-of-somebody")]
    public async Task What_many_share_is_not_replaced_as_a_whole(string directory)
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.MakeDirectory("data");
        ServiceSnapshot service = await world.BackUpAsync(entry => PlacementWorld.As(entry, member: directory), "data");

        PlacementProblem problem = (await world.PlanAsync(service)).Problems[0];
        problem.Message.Should().StartWith($"/{directory} is not one service's alone");
        problem.Hint.Should().Contain($"--include '{directory}/*'");
    }

    [Fact]
    public async Task The_root_is_not_replaced_as_a_whole()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/a", "1");
        ServiceSnapshot service = await world.BackUpAsync(entry => entry.Path == world.At("data") ? PlacementWorld.As(entry, member: ".") : entry, "data");

        LivePlacement placement = await world.PlanAsync(service);
        placement.Items.Should().ContainSingle().Which.Live.ToString().Should().Be("/");
        placement.Problems.Should().Contain(problem => problem.Message.StartsWith("/ is not one service's alone", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("repository")]
    [InlineData("state directory")]
    [InlineData("staging directory")]
    public async Task What_holds_this_tools_own_directories_is_refused(string what)
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/own/x", "1");
        world.Link("way", "data/own");
        ServiceSnapshot service = await world.BackUpAsync("data");
        BytePath own = world.At("way").Combine("not-yet-there");
        BackupConfiguration before = world.Configuration;
        world.Configuration = what switch
        {
            "repository" => before with { Repository = new RepositorySettings { Path = own } },
            "state directory" => before with { State = new StateSettings { Path = own } },
            _ => before with { Staging = new StagingSettings { Path = own } },
        };

        PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().StartWith($"The {what} of this tool, {world.At("data/own/not-yet-there")}, lies in {world.At("data")}");
        problem.Hint.Should().Contain("--include");
    }

    [Fact]
    public async Task A_disk_that_cannot_hold_both_is_refused_with_the_figures()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.MakeDirectory("disk");
        world.Mount("disk", "-t", "tmpfs", "-o", "size=30m", "none");
        world.MakeDirectory("disk/it");
        File.WriteAllBytes(world.At("disk/it/media").ToString(), new byte[1 << 20]);
        Tool.Shell($"head -c 20000000 /dev/urandom > '{world.At("disk/it/media")}'");
        ServiceSnapshot service = await world.BackUpAsync("disk/it");

        PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().StartWith($"The file system of {world.At("disk")} has ").And.Contain("20,004,864 are to be restored").And.Contain("are kept free");
        problem.Hint.Should().Contain("--include");

        Tool.Run("mount", "-o", "remount,size=200m", world.At("disk").ToString());
        (await world.PlanAsync(service)).Problems.Should().BeEmpty();
    }

    [Theory]
    [InlineData("i", "data", "immutable")]
    [InlineData("a", "data", "append-only")]
    [InlineData("i", ".", "immutable")]
    [InlineData("a", ".", "append-only")]
    public async Task What_not_even_root_may_change_is_refused(string option, string which, string word)
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/a", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");
        string path = Path.GetFullPath(Path.Combine(world.Tree, which));
        Tool.Run("chattr", $"+{option}", path);
        try
        {
            PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
            problem.Message.Should().StartWith($"{path} is {word}");
            problem.Hint.Should().Contain($"chattr -{option}");
        }
        finally
        {
            Tool.Run("chattr", $"-{option}", path);
        }
    }

    [Fact]
    public async Task Something_that_is_no_directory_on_the_way_is_refused()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("srv/it/db", "1");
        ServiceSnapshot service = await world.BackUpAsync("srv/it/db");
        world.Remove("srv");
        world.Write("srv", "a file");

        (await world.PlanAsync(service)).Problems.Should().ContainSingle().Which.Message.Should().Contain($"{world.At("srv")}, above {world.At("srv/it/db")}, is not a directory");
    }

    [Fact]
    public async Task Two_things_that_a_link_brings_together_are_refused()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("one/db", "1");
        world.Write("two/db", "2");
        ServiceSnapshot service = await world.BackUpAsync("one", "two");
        world.Remove("two");
        world.Link("two", "one");

        (await world.PlanAsync(service)).Problems.Should().ContainSingle().Which.Message.Should().Contain("both belong at");
    }

    [Fact]
    public async Task A_database_that_the_service_looks_for_elsewhere_is_refused()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/bot.db", "1");
        world.Write("new/bot.db", "1");
        ServiceSnapshot service = await world.BackUpAsync(entry => PlacementWorld.As(entry, isDatabase: entry.Status.Kind == FileKind.Regular), "data");
        var layout = new ServiceLayout { Roots = [world.At("new")], ExpectedDatabases = [world.At("new/bot.db")] };

        PlacementProblem problem = (await world.PlanAsync(service, null, layout)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain($"keeps its database at {world.At("new/bot.db")} now").And.Contain($"its databases are {world.At("data/bot.db")}");
        problem.Hint.Should().Contain("--target");
        (await world.PlanAsync(service, null, layout, "bot.db")).Problems.Should().BeEmpty("who names a file knows what he wants");
        (await world.PlanAsync(service, null, layout with { ExpectedDatabases = [world.At("data/bot.db")] })).Problems.Should().BeEmpty();
        (await world.PlanAsync(service, null, layout with { ExpectedDatabases = [], RocksDbDirectories = [world.At("new")] })).Problems.Should().ContainSingle();
        (await world.PlanAsync(service, null, layout with { ExpectedDatabases = [], RocksDbDirectories = [world.At("data")] })).Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task A_database_that_moved_is_only_noted_when_the_configuration_goes_back_as_well()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/bot.db", "1");
        world.Write("data/config.yaml", "database: data/bot.db");
        world.Write("new/bot.db", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");
        var layout = new ServiceLayout
        {
            Roots = [world.At("new"), world.At("data")],
            ExpectedDatabases = [world.At("new/bot.db")],
            Facts = new Dictionary<string, string> { ["config"] = world.At("data/config.yaml").ToString() },
        };

        LivePlacement placement = await world.PlanAsync(service, null, layout);
        placement.Problems.Should().BeEmpty();
        placement.Notes.Should().ContainSingle().Which.Should().Contain("is restored as well");
    }

    [Fact]
    public async Task A_database_behind_the_snapshots_link_is_where_the_service_looks()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("lib/private/it/bot.db", "1");
        world.Link("lib/it", "private/it");
        ServiceSnapshot service = await world.BackUpAsync("lib/private/it", "lib/it");
        var layout = new ServiceLayout { Roots = [world.At("lib/it")], ExpectedDatabases = [world.At("lib/it/bot.db")] };
        (await world.PlanAsync(service, null, layout)).Problems.Should().BeEmpty();

        // The service runs as a user of its own by now.
        world.Remove("lib/it");
        Directory.Move(world.At("lib/private/it").ToString(), world.At("lib/it").ToString());
        (await world.PlanAsync(service, null, layout)).Problems.Should().BeEmpty();
    }

    [Fact]
    public async Task Things_without_number_are_not_replaced_one_by_one()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.MakeDirectory("data/many");
        Tool.Shell($"cd '{world.At("data/many")}' && seq 1 {ArchiveSurvey.MaxTops + 1} | xargs touch");
        ServiceSnapshot service = await world.BackUpAsync("data");

        PlacementProblem problem = (await world.PlanAsync(service, "many/*")).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain("more than 10,000 things");
        (await world.PlanAsync(service, problem.Hint.Split('\'')[1])).Items.Should().ContainSingle().Which.Live.Should().Be(world.At("data/many"));
    }
}
