using System.Text;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Replacing;

public sealed class LivePlacementTests
{
    [Fact]
    public async Task Each_root_is_replaced_as_a_whole_whatever_is_in_it()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/a/b", "1");
        world.Write("data/c", "2");
        world.Write("etc/it.yaml", "config");
        ServiceSnapshot service = await world.BackUpAsync("data", "etc/it.yaml");
        world.Write("data/c", "changed");

        LivePlacement placement = await world.PlanAsync(service);

        placement.Problems.Should().BeEmpty();
        placement.Notes.Should().BeEmpty();
        placement.Items.Select(static item => (item.Live, item.Member, item.Kind, item.IsThere)).Should().Equal(
            (world.At("data"), world.MemberAt("data"), FileKind.Directory, true), (world.At("etc/it.yaml"), world.MemberAt("etc/it.yaml"), FileKind.Regular, true));
        placement.WantedEntries.Should().Be(5);
        placement.Find(world.MemberAt("data/a/b")).Should().BeSameAs(placement.Items[0]);
        placement.Find(world.MemberAt("data")).Should().BeSameAs(placement.Items[0]);
        placement.Find(world.MemberAt("database")).Should().BeNull();
        placement.Items[0].NeededBytes.Should().Be(4 * 4096, "two directories and two small files take a block each");
    }

    [Fact]
    public async Task Names_that_are_no_text_stay_what_they_are()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        BytePath odd = world.At("data").Combine([0xff, (byte)'*', (byte)' ', (byte)'\n']);
        world.MakeDirectory("data");
        PosixDirectory.Current.CreateDirectory(odd);
        using (PosixDirectory.Current.CreateFile(odd.Combine("file"))) { }
        ServiceSnapshot service = await world.BackUpAsync("data");

        LivePlacement placement = await world.PlanAsync(service, "\\xff*");

        placement.Problems.Should().BeEmpty();
        placement.Items.Should().ContainSingle().Which.Live.Should().Be(odd);
    }

    [Fact]
    public async Task A_pattern_makes_an_item_of_each_thing_that_it_matches()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/plugins/one.mbp", "1");
        world.Write("data/plugins/two.mbp", "2");
        world.Write("data/plugins/notes", "3");
        world.Write("data/trash/old.mbp", "4");
        ServiceSnapshot service = await world.BackUpAsync("data");

        (await LiveAsync(world, service, "plugins/*.mbp")).Should().Equal(world.At("data/plugins/one.mbp"), world.At("data/plugins/two.mbp"));
        (await LiveAsync(world, service, "plugins")).Should().Equal(world.At("data/plugins"));
        (await LiveAsync(world, service, "plugins", "*.mbp")).Should().Equal(world.At("data/plugins"), world.At("data/trash/old.mbp"));
        (await LiveAsync(world, service, "nothing")).Should().BeEmpty();
    }

    [Fact]
    public async Task Dumps_of_databases_are_no_files_of_the_live_system()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/a", "1");
        ServiceSnapshot service = await world.BackUpAsync(entry => entry.Path == world.At("data/a") ? PlacementWorld.As(entry, member: "postgresql-dumps/it.dump") : entry, "data");

        LivePlacement placement = await world.PlanAsync(service);

        placement.Items.Should().ContainSingle().Which.Live.Should().Be(world.At("data"));
        placement.WantedEntries.Should().Be(1);
    }

    [Fact]
    public async Task A_link_that_is_as_it_was_is_left_alone_and_one_that_differs_is_replaced()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("lib/private/it/db", "1");
        world.Link("lib/it", "private/it");
        world.Link("lib/other", "private/it");
        ServiceSnapshot service = await world.BackUpAsync("lib/private/it", "lib/it", "lib/other");
        (await world.PlanAsync(service)).Items.Select(static item => item.Live).Should().Equal(world.At("lib/private/it"));

        world.Remove("lib/other");
        world.Link("lib/other", "elsewhere");
        world.Remove("lib/it");

        LivePlacement placement = await world.PlanAsync(service);
        placement.Items.Select(static item => (item.Live, item.Kind, item.IsThere)).Should().Equal(
            (world.At("lib/it"), FileKind.SymbolicLink, false), (world.At("lib/other"), FileKind.SymbolicLink, true), (world.At("lib/private/it"), FileKind.Directory, true));
    }

    [Fact]
    public async Task What_was_moved_behind_a_link_is_replaced_where_it_is_now()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("lib/it/db", "1");
        world.Write("srv/x/file", "1");
        ServiceSnapshot service = await world.BackUpAsync("lib/it", "srv/x/file");
        Directory.Move(world.At("lib/it").ToString(), world.At("moved").ToString());
        world.Link("lib/it", "../moved");
        Directory.Move(world.At("srv/x").ToString(), world.At("srv/y").ToString());
        world.Link("srv/x", world.At("srv/y").ToString());

        LivePlacement placement = await world.PlanAsync(service);

        placement.Problems.Should().BeEmpty();
        placement.Items.Select(static item => (item.Live, item.Member)).Should().Equal(
            (world.At("moved"), world.MemberAt("lib/it")), (world.At("srv/y/file"), world.MemberAt("srv/x/file")));
        placement.Notes.Should().HaveCount(2).And.Contain(note => note.Contains($"{world.At("lib/it")} is {world.At("moved")} here", StringComparison.Ordinal))
            .And.Contain(note => note.Contains($"{world.At("srv/x")} is {world.At("srv/y")} here", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_link_that_leads_nowhere_is_no_place_to_restore_to()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("lib/it/db", "1");
        ServiceSnapshot service = await world.BackUpAsync("lib/it");
        world.Remove("lib/it");
        world.Link("lib/it", "/nowhere/it");

        PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain($"{world.At("lib/it")} is a symbolic link").And.Contain("leads nowhere");
        problem.Hint.Should().Contain("Mount");
    }

    [Fact]
    public async Task Directories_that_are_gone_will_be_made()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("lib/a/b/it/db", "1");
        ServiceSnapshot service = await world.BackUpAsync(entry => PlacementWorld.As(entry, member: $"var/lib/{Path.GetFileName(world.Tree)}-{Guid.Empty}/private/it"), "lib/a/b/it/db");

        LivePlacement placement = await world.PlanAsync(service);

        placement.Problems.Should().BeEmpty();
        placement.Items.Should().ContainSingle().Which.IsThere.Should().BeFalse();
        placement.MissingParents.Select(static missing => (missing.Directory.Name.ToString(), Convert.ToString(missing.Mode, 8))).Should().Equal(($"tree-{Guid.Empty}", "755"), ("private", "700"));
        placement.Notes.Should().ContainSingle().Which.Should().Contain("(mode 0755)").And.Contain("will be made");
    }

    [Fact]
    public async Task A_database_takes_what_lies_beside_it_along()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/bot.db", "as a database");
        world.Write("data/broken.db", "as a file");
        world.Write("data/plain.txt", "3");
        ServiceSnapshot service = await world.BackUpAsync(entry => entry.Path == world.At("data/bot.db") ? PlacementWorld.As(entry, isDatabase: true) : entry, "data");
        world.Write("data/broken.db-wal", "live");

        (await world.PlanAsync(service, "*.db", "*.txt")).Items.Select(static item => (item.Live.Name.ToString(), item.IsDatabase)).Should().Equal(("bot.db", true), ("broken.db", true), ("plain.txt", false));
    }

    [Fact]
    public async Task What_the_system_manages_is_left_as_it_is_and_named_where_it_differs()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("etc/it.yaml", "config");
        world.Write("data/db", "1");
        world.Link("etc/link.yaml", "/etc/static/it.yaml");
        ServiceSnapshot service = await world.BackUpAsync(
            entry => entry.Path == world.At("etc/it.yaml") ? PlacementWorld.As(entry, member: "nix/store/abc-it.yaml") : entry, "etc/it.yaml", "etc/link.yaml", "data");
        world.Remove("etc/link.yaml");

        LivePlacement placement = await world.PlanAsync(service);

        placement.Problems.Should().BeEmpty();
        placement.MissingParents.Should().BeEmpty();
        placement.Items.Select(static item => item.Live).Should().Equal(world.At("data"));
        placement.Notes.Should().HaveCount(2).And.Contain(note => note.StartsWith("/nix/store/abc-it.yaml is not there any more", StringComparison.Ordinal))
            .And.Contain(note => note.Contains("was a link to /etc/static/it.yaml", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_mounted_read_only_needs_nothing_while_it_is_as_in_the_snapshot()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/db", "1");
        world.Write("secrets/key", "the same");
        ServiceSnapshot service = await world.BackUpAsync("data", "secrets");
        // Written anew, with the same content: only that counts.
        File.WriteAllText(world.At("secrets/new").ToString(), "the same");
        File.Move(world.At("secrets/new").ToString(), world.At("secrets/key").ToString(), overwrite: true);
        world.MakeReadOnly("secrets");

        LivePlacement placement = await world.PlanAsync(service);

        placement.Problems.Should().BeEmpty();
        placement.Notes.Should().BeEmpty();
        placement.Items.Select(static item => item.Live).Should().Equal(world.At("data"));
    }

    [Fact]
    public async Task What_is_mounted_read_only_and_is_another_is_refused()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/db", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");
        world.Write("data/db", "2");
        world.MakeReadOnly("data");

        PlacementProblem problem = (await world.PlanAsync(service)).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain(world.At("data").ToString()).And.Contain("read-only");
        problem.Hint.Should().Contain("ReadWritePaths=").And.Contain("--target");
        (await world.PlanAsync(service, "db")).Problems.Should().ContainSingle().Which.Message.Should().Contain("read-only");
        var layout = new ServiceLayout { Roots = [world.At("data")], ExpectedDatabases = [world.At("data/db")] };
        (await world.PlanAsync(service, null, layout)).Problems.Should().ContainSingle("the service looks where it always did");
    }

    [Fact]
    public async Task A_name_whose_content_is_stored_elsewhere_gets_it_for_itself()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/a/first", new string('x', 10_000));
        world.MakeDirectory("data/b");
        Tool.Run("ln", world.At("data/a/first").ToString(), world.At("data/b/second").ToString());
        ServiceSnapshot service = await world.BackUpAsync("data");
        (await world.PlanAsync(service)).Notes.Should().BeEmpty("within one thing a link stays a link");

        LivePlacement placement = await world.PlanAsync(service, "b/second");

        placement.Problems.Should().BeEmpty();
        placement.Items.Should().ContainSingle().Which.NeededBytes.Should().Be(12_288, "the content comes along");
        placement.Notes.Should().ContainSingle().Which.Should().Contain("b/second becomes a file of its own");
    }

    [Fact]
    public async Task Names_of_one_file_in_different_directories_are_refused_together_and_allowed_apart()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        world.Write("data/a/first", "x");
        world.MakeDirectory("data/b");
        Tool.Run("ln", world.At("data/a/first").ToString(), world.At("data/b/second").ToString());
        ServiceSnapshot service = await world.BackUpAsync("data");

        PlacementProblem problem = (await world.PlanAsync(service, "a/first", "b/second")).Problems.Should().ContainSingle().Subject;
        problem.Message.Should().Contain("are one file");
        string include = problem.Hint.Split('\'')[1];
        (await world.PlanAsync(service, include)).Problems.Should().BeEmpty("the hint can be followed");
    }

    [Fact]
    public async Task Of_very_many_findings_some_are_told()
    {
        await using PlacementWorld world = await PlacementWorld.CreateAsync();
        for (int i = 0; i < 30; i++) world.Write($"data/{i}/{i}.txt", "1");
        ServiceSnapshot service = await world.BackUpAsync("data");
        for (int i = 0; i < 30; i++)
        {
            world.Remove($"data/{i}");
            world.Write($"data/{i}", "a file");
        }
        IReadOnlyList<PlacementProblem> problems = (await world.PlanAsync(service, "*.txt")).Problems;
        problems.Should().HaveCount(21);
        problems[^1].Message.Should().Be("10 more like these.");
    }

    [Fact]
    public void A_literal_pattern_matches_its_path_only()
    {
        var odd = new BytePath([.. Encoding.UTF8.GetBytes("/srv/a*b[1]?\\x41\n"), 0xfe, .. "/é"u8]);
        var glob = Glob.Parse(LiteralPattern.Of(odd));
        glob.IsMatch(odd, isDirectory: false).Should().BeTrue();
        glob.IsMatch(BytePath.From("/srv/aab1xA"), isDirectory: false).Should().BeFalse();
    }

    private static async Task<IEnumerable<BytePath>> LiveAsync(PlacementWorld world, ServiceSnapshot service, params string[] include)
    {
        LivePlacement placement = await world.PlanAsync(service, include);
        placement.Problems.Should().BeEmpty();
        return placement.Items.Select(static item => item.Live);
    }
}
