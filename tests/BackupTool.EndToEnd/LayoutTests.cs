using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>Where services keep things: links to the real place, empty directories, the repository among the data.</summary>
public sealed class LayoutTests : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    /// <summary>systemd's DynamicUser: /var/lib/NAME is a link to private/NAME. Archiving only the link is a known incident.</summary>
    [Fact]
    public async Task A_root_that_is_a_link_is_backed_up_as_the_link_and_the_tree_behind_it()
    {
        string real = _box.Make("var/lib/private/x"), link = _box.Below("var/lib/x");
        File.CreateSymbolicLink(link, "private/x");
        File.WriteAllText(Path.Combine(real, "state"), "state");
        _box.Configure(Sandbox.FilesService("x", link));
        await _box.InitAsync();
        await _box.BackUpAsync();
        string target = await _box.RestoreAsync();
        new FileInfo(target + link).LinkTarget.Should().Be("private/x");
        Sandbox.ShouldHold(target, real);
        File.ReadAllText(target + link + "/state").Should().Be("state");
    }

    [Fact]
    public async Task A_homeserver_behind_a_link_restores_with_its_database()
    {
        string real = _box.Make("var/lib/private/continuwuity"), link = _box.Below("var/lib/continuwuity"), config = _box.Below("continuwuity.toml");
        File.CreateSymbolicLink(link, "private/continuwuity");
        using (var server = ChildProcess.Start(nameof(KeyWriter.WriteKeys), real, _box.Below("acknowledged"))) server.Finish();
        File.WriteAllText(config, $"[global]\ndatabase_path = \"{link}\"\n");
        _box.Configure($"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"");
        await _box.InitAsync();
        await _box.BackUpAsync();
        string target = await _box.RestoreAsync();
        new FileInfo(target + link).LinkTarget.Should().Be("private/continuwuity");
        KeyWriter.CheckUpTo(target + link, KeyWriter.LastAcknowledged(_box.Below("acknowledged")));
        _box.FindLeftovers().Should().BeEmpty();
    }

    [Fact]
    public async Task A_root_without_any_file_is_a_warning()
    {
        Directory.CreateDirectory(Path.Combine(_box.Source, "only/directories"));
        await _box.InitAsync();
        (await _box.RunAsync("now")).ShouldFail(3, _box.Source, "no file at all");
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
    }

    [Fact]
    public async Task A_repository_inside_of_the_source_is_left_out()
    {
        File.WriteAllText(Path.Combine(_box.Source, "file"), "content");
        _box.Repository = Path.Combine(_box.Source, "backups/repository");
        _box.Staging = Path.Combine(_box.Source, "staging");
        Directory.CreateDirectory(Path.Combine(_box.Source, "backups"));
        _box.Configure();
        CliResult init = await _box.RunAsync("init");
        if (init.ExitCode == 2)
        {
            init.ShouldFail(2, _box.Repository);
            return;
        }
        for (int i = 0; i < 3; i++) (await _box.RunAsync("now")).ShouldExit(0);
        string target = await _box.RestoreAsync();
        File.ReadAllText(target + _box.Source + "/file").Should().Be("content");
        Directory.Exists(target + _box.Repository).Should().BeFalse();
        Directory.EnumerateFileSystemEntries(target, ".backup-staging-*", SearchOption.AllDirectories).Should().BeEmpty();
    }

    [Fact]
    public async Task Excluded_files_are_left_out_and_named_and_everything_else_is_there()
    {
        foreach (string name in (string[])["keep/a.txt", "cache/b.txt", "keep/c.tmp", "keep/deep/d.tmp"])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_box.Source, name))!);
            File.WriteAllText(Path.Combine(_box.Source, name), name);
        }
        _box.Configure(Sandbox.FilesService("files", _box.Source) + "\nexclude = [\"/cache\", \"*.tmp\"]");
        await _box.InitAsync();
        await _box.BackUpAsync();
        string target = await _box.RestoreAsync();
        TreeFingerprint.Of(target + _box.Source).Entries.Select(static e => e.Path).Should().Equal("keep", "keep/a.txt", "keep/deep");
    }

    [Fact]
    public async Task A_part_is_restored_by_service_and_by_pattern_with_hard_links_whole()
    {
        string other = _box.Make("other");
        File.WriteAllText(Path.Combine(other, "o"), "other");
        Directory.CreateDirectory(Path.Combine(_box.Source, "a"));
        Directory.CreateDirectory(Path.Combine(_box.Source, "b"));
        File.WriteAllText(Path.Combine(_box.Source, "a/first"), "linked");
        (await Cli.ShellAsync("ln \"$1/a/first\" \"$1/b/second\"", _box.Source)).ShouldExit(0);
        _box.Configure(Sandbox.FilesService("files", _box.Source), Sandbox.FilesService("other", other));
        await _box.InitAsync();
        await _box.BackUpAsync();
        string onlyOther = await _box.RestoreAsync("latest", "--service", "other");
        Sandbox.ShouldHold(onlyOther, other);
        Directory.Exists(onlyOther + _box.Source).Should().BeFalse();
        string onlySecond = await _box.RestoreAsync("latest", "--include", "second");
        File.ReadAllText(onlySecond + _box.Source + "/b/second").Should().Be("linked", "its first name is not restored, so it holds the content");
        File.Exists(onlySecond + _box.Source + "/a/first").Should().BeFalse();
    }

    [Fact]
    public async Task Two_services_that_share_a_directory_both_restore()
    {
        File.WriteAllText(Path.Combine(_box.Source, "file"), "content");
        _box.Configure(Sandbox.FilesService("one", _box.Source), Sandbox.FilesService("two", _box.Source));
        await _box.InitAsync();
        CliResult now = await _box.RunAsync("now");
        now.ExitCode.Should().BeOneOf(0, 2);
        if (now.ExitCode == 0) Sandbox.ShouldHold(await _box.RestoreAsync("latest", "--service", "two"), _box.Source);
    }
}
