using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>What a restore in place finds in its way, it finds before anything is stopped; and the way out that it names is one. On a real systemd.</summary>
public sealed class InPlaceRefusalTests(InPlaceStack stack) : IClassFixture<InPlaceStack>
{
    private string[] RestoreSmall => ["restore", stack.First, "--in-place", "-s", "small"];

    private static readonly string[] RestoreLatestSmall = ["restore", "latest", "--in-place", "-s", "small"];

    private StackMachine Machine => stack.Machine;

    [Fact]
    public async Task A_snapshot_or_a_service_that_is_not_known()
    {
        await stack.RefuseAsync(2, ["restore", "deadbeef", "--in-place"], "no snapshot 'deadbeef'", "backup list");
        await stack.RefuseAsync(2, ["restore", "latest~7", "--in-place"], "latest~7", "backup list");
        await stack.RefuseAsync(2, ["restore", stack.First, "--in-place", "-s", "mabot"], "no service 'mabot'", "homeserver, maubot, small", "No snapshot holds");
        string only = (await Machine.RunAsync("now", "-s", "small", "--json")).ShouldExit(0).Json.GetProperty("snapshot").GetString()!;
        await stack.RefuseAsync(2, ["restore", only, "--in-place", "-s", "maubot"], "no service 'maubot'", "It holds: small", "The newest that holds 'maubot' is ");
        await stack.WithConfigurationAsync(text => text.Replace(stack.SmallService, ""), async () =>
            await stack.RefuseAsync(1, RestoreSmall, "has no service 'small'", "unit", "--target"));
        (await Machine.RunAsync("restore", stack.First, "-s", "small", "--target", Machine.Below("aside"))).ShouldExit(0, "a way out");
        Directory.Delete(Machine.Below("aside"), recursive: true);
    }

    [Theory]
    [InlineData("missing.service", "not-found")]
    [InlineData("masked.service", "masked")]
    public async Task A_unit_that_is_not_there(string unit, string says)
    {
        await Machine.Systemd.TryExecAsync("systemctl", "mask", "masked.service");
        await stack.WithConfigurationAsync(text => text.Replace("\"small.service\"", $"\"{unit}\""), async () =>
        {
            await stack.RefuseAsync(1, RestoreSmall, "small", unit, says, "→");
            await stack.RefuseAsync(1, [.. RestoreSmall, "--dry-run"], unit);
        });
    }

    [Fact]
    public async Task A_service_without_a_unit_unless_it_is_said_that_nobody_uses_its_files()
    {
        await stack.WithConfigurationAsync(text => text.Replace("unit = \"small.service\"\n", ""), async () =>
        {
            await stack.RefuseAsync(1, RestoreSmall, "small", "has no unit", "--without-stopping");
            File.WriteAllText(Path.Combine(stack.Small, "state"), "another");
            await stack.GoOnAsync([.. RestoreSmall, "--without-stopping", "--no-safety"]);
            File.ReadAllText(Path.Combine(stack.Small, "state")).Should().Be("the state of small");
            (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        });
    }

    [Theory]
    [InlineData("--in-place", "--target", "/nowhere")]
    [InlineData("--in-place", "--overwrite")]
    [InlineData("--in-place", "--numeric-owner", "--map-owners")]
    [InlineData("--target", "/nowhere", "--no-safety")]
    [InlineData("--target", "/nowhere", "--numeric-owner")]
    [InlineData("--forget-previous")]
    [InlineData("--in-place", "--include", "[")]
    public async Task Options_that_do_not_go_together(params string[] options) => await stack.RefuseAsync(2, ["restore", "latest", .. options], "→");

    [Fact]
    public async Task A_damaged_or_missing_pack()
    {
        string repository = Machine.Below("damaged");
        (await Cli.ShellAsync("cp -r \"$1\" \"$2\"", Machine.Repository, repository)).ShouldExit(0);
        (await Cli.ShellAsync("for f in $(find \"$1/packs\" -type f); do printf '\\377\\377\\377\\377' | dd of=$f bs=1 seek=$(($(stat -c %s $f) / 3)) conv=notrunc; done", repository)).ShouldExit(0);
        await stack.RefuseAsync(13, ["restore", stack.First, "--in-place", "-s", "maubot", "--repository", repository], "→", "verify");
        (await Cli.ShellAsync("find \"$1/packs\" -type f -delete", repository)).ShouldExit(0);
        await stack.RefuseAsync(13, ["restore", stack.First, "--in-place", "-s", "maubot", "--repository", repository], "→", "verify");
        Directory.GetFiles(Path.Combine(repository, "snapshots")).Should().HaveSameCount(Directory.GetFiles(Path.Combine(Machine.Repository, "snapshots")), "no safety snapshot was made, and nothing stopped for one");
        Directory.Delete(repository, recursive: true);
    }

    [Fact]
    public async Task Owners_that_this_machine_does_not_know()
    {
        string file = Path.Combine(stack.Small, "owned");
        File.WriteAllText(file, "whose?");
        await Machine.Systemd.ShellAsync($"cp /etc/passwd /root/passwd; echo 'ghost:x:4711:0::/:/bin/false' >> /etc/passwd; chown ghost {file}");
        (await Machine.RunAsync("now", "-s", "small")).ShouldExit(0);
        File.Delete(file);

        await Machine.Systemd.ShellAsync("cp /root/passwd /etc/passwd");
        await stack.RefuseAsync(1, RestoreLatestSmall, "ghost", "4711", "--numeric-owner", "owned");
        await stack.RefuseAsync(1, [.. RestoreLatestSmall, "--map-owners"], "ghost", "--numeric-owner");
        await stack.GoOnAsync([.. RestoreLatestSmall, "--numeric-owner", "--no-safety"]);
        (await OwnerOfAsync(file)).Should().Be("4711");

        File.Delete(file);
        await Machine.Systemd.ShellAsync("echo 'ghost:x:4812:0::/:/bin/false' >> /etc/passwd");
        await stack.RefuseAsync(1, RestoreLatestSmall, "ghost", "4711", "4812", "--map-owners", "--numeric-owner");
        await stack.GoOnAsync([.. RestoreLatestSmall, "--map-owners", "--no-safety"]);
        (await OwnerOfAsync(file)).Should().Be("4812");

        await Machine.Systemd.ShellAsync($"cp /root/passwd /etc/passwd; rm {file}");
        (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        (await Machine.RunAsync("now", "-s", "small")).ShouldExit(0);
    }

    private static async Task<string> OwnerOfAsync(string file) => (await Cli.ShellAsync("stat -c %u \"$1\"", file)).Output.Trim();

    [Fact]
    public async Task A_mount_point_and_one_below()
    {
        await OnMountAsync(Path.Combine(stack.Small, "sub"), "size=10m", async () =>
        {
            CliResult below = await stack.RefuseAsync(1, RestoreSmall, "mount point", "sub", "--include", "beside it");
            File.WriteAllText(Path.Combine(stack.Small, "state"), "changed");
            await stack.GoOnAsync([.. RestoreSmall, "--no-safety", .. Includes(below.Error), "--include", "state"]);
            await Machine.Systemd.ShellAsync($"grep -q deep {stack.Small}/sub/deep; grep -q 'the state of small' {stack.Small}/state");
            (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        });
        await OnMountAsync(stack.Small, "size=10m", async () =>
        {
            CliResult itself = await stack.RefuseAsync(1, RestoreSmall, "is a mount point", "tmpfs", "--include");
            await stack.GoOnAsync([.. RestoreSmall, "--no-safety", .. Includes(itself.Error)]);
            await Machine.Systemd.ShellAsync($"grep -q 'the state of small' {stack.Small}/state; grep -q deep {stack.Small}/sub/deep");
            (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        });
    }

    /// <summary>The patterns that a message tells to write.</summary>
    private static IEnumerable<string> Includes(string error) =>
        System.Text.RegularExpressions.Regex.Matches(error, "--include '([^']+)'").SelectMany(static match => new[] { "--include", match.Groups[1].Value });

    /// <summary>Works with a small file system mounted, inside only.</summary>
    private async Task OnMountAsync(string directory, string options, Func<Task> work)
    {
        await Machine.Systemd.ExecAsync("mount", "-t", "tmpfs", "-o", options, "tmpfs", directory);
        try
        {
            await work();
        }
        finally
        {
            await Machine.Systemd.ExecAsync("umount", "-l", directory);
        }
    }

    [Fact]
    public async Task A_disk_that_is_full_or_becomes_so()
    {
        string disk = Machine.Below("disk"), data = Path.Combine(disk, "data");
        Directory.CreateDirectory(disk);
        await OnMountAsync(disk, "size=100m,nr_inodes=1000", async () => await stack.WithConfigurationAsync(text => text.Replace(stack.Small, data), async () =>
        {
            await Machine.Systemd.ShellAsync($"mkdir {data}; head -c 9m /dev/urandom > {data}/big; for i in $(seq 600); do echo $i > {data}/$i; done");
            (await Machine.RunAsync("now", "-s", "small")).ShouldExit(0);
            // The second of two has no file left to make.
            CliResult inodes = await RefuseOnDiskAsync("No space left", disk);
            inodes.Error.Should().Contain("→");
            await Machine.Systemd.ShellAsync($"mount -o remount,nr_inodes=9000 {disk}; head -c 80m /dev/urandom > {disk}/filler");
            await RefuseOnDiskAsync("bytes free", disk, "Make room");
            await Machine.Systemd.ShellAsync($"rm {disk}/filler; rm {data}/1");
            await stack.GoOnAsync([.. RestoreLatestSmall, "--no-safety"]);
            await Machine.Systemd.ShellAsync($"test -e {data}/1");
            (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        }));
        (await Machine.RunAsync("now", "-s", "small")).ShouldExit(0);
    }

    private async Task<CliResult> RefuseOnDiskAsync(params string[] says)
    {
        string disk = Machine.Below("disk"), before = await Machine.Systemd.ShellAsync($"find {disk} | sort | md5sum");
        CliResult refused = await stack.RefuseAsync(1, RestoreLatestSmall, says);
        (await Machine.Systemd.ShellAsync($"find {disk} | sort | md5sum")).Should().Be(before, "nothing half-restored stays");
        return refused;
    }

    [Fact]
    public async Task The_repository_in_the_tree_that_would_be_replaced()
    {
        string repository = Path.Combine(stack.Small, "repository");
        (await Machine.RunAsync("init", "--repository", repository)).ShouldExit(0);
        (await Machine.RunAsync("now", "-s", "small", "--repository", repository)).ExitCode.Should().BeOneOf(0, 3);
        await stack.RefuseAsync(1, [.. RestoreLatestSmall, "--repository", repository], "repository", repository, "--include");
        Directory.Delete(repository, recursive: true);
    }

    [Fact]
    public async Task Another_restore_under_way()
    {
        string held = Path.Combine(Machine.State, "replacement.lock");
        Directory.CreateDirectory(Machine.State);
        await Machine.Systemd.ShellAsync($"systemd-run --unit=holder --quiet flock {held} sleep infinity");
        await Machine.UntilAsync($"! flock -n {held} true");
        await stack.RefuseAsync(11, RestoreSmall, "under way", "Wait");
        await Machine.Systemd.ExecAsync("systemctl", "stop", "holder.service");
    }

    [Fact]
    public async Task A_dry_run_says_what_would_be_done_and_changes_nothing()
    {
        InPlaceLook before = await stack.LookAsync();
        CliResult plan = await Machine.RunAsync("restore", stack.First, "--in-place", "--dry-run");
        plan.ShouldExit(0).Output.Should().MatchRegex(@"1\. extract /.*lib/homeserver").And.Contain("label pre-restore").And.Contain("stop maubot.service").And.Contain($"exchange {stack.Stack.Bot}")
            .And.Contain("start maubot.service").And.Contain("nothing was replaced");
        CliResult json = (await Machine.RunAsync("restore", stack.First, "--in-place", "-s", "maubot", "--dry-run", "--json")).ShouldExit(0);
        TestContext.Current.TestOutputHelper?.WriteLine(plan.Output + plan.Error + json.Output);
        json.Json.GetProperty("result").GetString().Should().Be("planned");
        json.Json.GetProperty("problems").GetArrayLength().Should().Be(0);
        json.Json.GetProperty("steps").GetArrayLength().Should().BeGreaterThan(4);
        await stack.WithConfigurationAsync(text => text.Replace("\"small.service\"", "\"missing.service\""), async () =>
        {
            CliResult refused = (await Machine.RunAsync([.. RestoreSmall, "--dry-run", "--json"])).ShouldExit(1);
            refused.Json.GetProperty("problems")[0].GetProperty("service").GetString().Should().Be("small");
            refused.Json.GetProperty("problems")[0].GetProperty("hint").GetString().Should().NotBeEmpty();
            (await Machine.RunAsync([.. RestoreSmall, "--json"])).ShouldExit(1).Json.GetProperty("error").GetProperty("code").GetInt32().Should().Be(1);
        });
        await stack.ShouldBeUntouchedAsync(before, plan.Output);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_safety_snapshot_that_cannot_be_made(bool isReadOnly)
    {
        string repository = isReadOnly ? Machine.Repository : Machine.Below("full");
        Directory.CreateDirectory(repository);
        await Machine.Systemd.ShellAsync(isReadOnly ? $"mount --bind {repository} {repository}; mount -o remount,bind,ro {repository}"
            : $"mount -t tmpfs -o size=60m tmpfs {repository}; cp -r {Machine.Repository}/. {repository}/; dd if=/dev/zero of={repository}/filler bs=4k || true");
        try
        {
            File.WriteAllText(Path.Combine(stack.Small, "state"), "changed");
            await stack.RefuseAsync(1, [.. RestoreSmall, "--repository", repository], "present state", "--no-safety");
            await stack.GoOnAsync([.. RestoreSmall, "--repository", repository, "--no-safety"]);
            File.ReadAllText(Path.Combine(stack.Small, "state")).Should().Be("the state of small");
            (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
        }
        finally
        {
            await Machine.Systemd.ExecAsync("umount", "-l", repository);
        }
    }

    [Fact]
    public async Task A_repository_that_somebody_else_writes_to()
    {
        await stack.WithConfigurationAsync(text => text.Replace("[repository]", "[repository]\nlock-wait = \"1s\""), async () =>
        {
            // A run of ours that stands still, in the middle of things.
            await Machine.Systemd.ExecAsync("systemd-run", "--unit=writer", "--quiet", "-p", "Type=exec", Machine.Binary, "now", "-s", "small", "--config", Machine.ConfigFile);
            await Machine.UntilAsync($"ls {Machine.Repository}/locks | grep -q . && systemctl kill -s STOP writer.service");
            try
            {
                await stack.RefuseAsync(11, ["restore", stack.First, "--in-place", "-s", "homeserver"], "backup now", "→");
            }
            finally
            {
                await Machine.Systemd.ExecAsync("systemctl", "kill", "-s", "CONT", "writer.service");
            }
            await Machine.UntilAsync("! systemctl is-active -q writer.service");
            await Machine.UntilAsync("systemctl is-active -q small.service");
        });
    }

    [Fact]
    public async Task A_database_that_is_newer_than_the_program()
    {
        string database = stack.Stack.Database;
        await stack.Stack.WithBotDownAsync(() => Sql.Make(database, "CREATE TABLE version(version INTEGER PRIMARY KEY); INSERT INTO version VALUES (5)"));
        await Machine.UntilAsync("systemctl is-active -q maubot.service");
        await stack.Stack.ShouldBeWellAsync();
        (await Machine.RunAsync("now", "-s", "maubot")).ShouldExit(0);
        // Another version of the program, which knows only an older schema.
        await stack.Stack.WithBotDownAsync(() => Sql.Make(database, "UPDATE version SET version = 2"));
        await Machine.UntilAsync("systemctl is-active -q maubot.service");
        await stack.Stack.ShouldBeWellAsync();
        await stack.RefuseAsync(1, ["restore", "latest", "--in-place", "-s", "maubot"], "bot.db", "schema version 5", "keeps 2", "--ignore-version");
        await stack.GoOnAsync("restore", "latest", "--in-place", "-s", "maubot", "--ignore-version", "--no-safety");
        Sql.Ask(database, "SELECT version FROM version").Should().Be(5L);
        (await Machine.RunAsync("restore", "--forget-previous")).ShouldExit(0);
    }

    [Fact]
    public async Task A_machine_without_systemd()
    {
        using var box = new Sandbox();
        File.WriteAllText(Path.Combine(box.Source, "file"), "a file");
        await box.InitAsync();
        await box.BackUpAsync();
        File.WriteAllText(Path.Combine(box.Source, "file"), "another");
        (await box.RunAsync("restore", "latest", "--in-place")).ShouldFail(1, "has no unit", "--without-stopping");
        (await box.RunAsync("restore", "latest", "--in-place", "--without-stopping")).ExitCode.Should().BeOneOf(0, 3);
        File.ReadAllText(Path.Combine(box.Source, "file")).Should().Be("a file");
        (await box.RunAsync("rollback")).ShouldExit(0);
        File.ReadAllText(Path.Combine(box.Source, "file")).Should().Be("another");
        box.Configure($"{Sandbox.FilesService("files", box.Source)}\nunit = \"files.service\"");
        CliResult refused = (await box.RunAsync("restore", "latest", "--in-place")).ShouldFail(1, "systemd", "→");
        TestContext.Current.TestOutputHelper?.WriteLine(refused.Error);
        File.ReadAllText(Path.Combine(box.Source, "file")).Should().Be("another");
    }
}
