using System.Security.Cryptography;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>The commands that look and mend.</summary>
public sealed class CommandTests(ITestOutputHelper output) : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task Without_its_index_a_repository_says_so_and_is_whole_again_once_it_is_rebuilt()
    {
        for (int i = 0; i < 20; i++) Write($"file-{i}", i * 20_000);
        await _box.InitAsync();
        await _box.BackUpAsync();
        TreeFingerprint first = Sandbox.Look(_box.Source);
        Write("file-3", 70_000);
        string[] ids = [(await _box.ListAsync())[0], await _box.BackUpAsync()];
        Directory.Delete(Path.Combine(_box.Repository, "index"), recursive: true);

        (await _box.ListAsync()).Should().Equal(ids);
        (await _box.RunAsync("restore", "latest", "--target", _box.Below("x"))).ShouldFail(13, "repair index");
        (await _box.RunAsync("verify")).ShouldFail(13, "repair index");
        Directory.Exists(_box.Below("x")).Should().BeFalse();
        (await _box.RunAsync("repair", "index")).ShouldExit(0);
        await _box.VerifyAsync("data");
        Sandbox.ShouldHold(await _box.RestoreAsync(ids[0]), _box.Source, first);
        Sandbox.ShouldHold(await _box.RestoreAsync(ids[1]), _box.Source);
        CliResult now = (await _box.RunAsync("now", "--json")).ShouldExit(0);
        now.Json.GetProperty("storedBytes").GetInt64().Should().BeLessThan(2000, "everything is known again");
        (await Cli.ShellAsync("cd \"$2\" && sh \"$1/restore.sh\" latest files | tar -x", _box.Repository, _box.Make("by-sh"))).ShouldExit(0);
    }

    [Fact]
    public async Task A_copy_of_a_repository_is_a_repository()
    {
        Write("file", 500_000);
        await _box.InitAsync();
        await _box.BackUpAsync();
        string copy = _box.Below("copy");
        (await Cli.ShellAsync("cp -r \"$1\" \"$2\"", _box.Repository, copy)).ShouldExit(0);
        Directory.Delete(_box.Repository, recursive: true);
        (await Cli.RunAsync("verify", "--level", "data", "--repository", copy)).ShouldExit(0);
        (await Cli.RunAsync("restore", "latest", "--target", _box.Below("restored"), "--repository", copy)).ShouldExit(0);
        Sandbox.ShouldHold(_box.Below("restored"), _box.Source);
        (await _box.RunAsync("now", "--repository", copy)).ShouldExit(0);
    }

    [Fact]
    public async Task Diff_find_and_show_tell_what_changed()
    {
        foreach (string name in (string[])["same", "changed", "gone", "mode"]) Write(name, 1000);
        await _box.InitAsync();
        string first = await _box.BackUpAsync();
        Write("changed", 2000);
        File.Delete(Path.Combine(_box.Source, "gone"));
        Write("new", 10);
        File.SetUnixFileMode(Path.Combine(_box.Source, "mode"), UnixFileMode.UserRead);
        string second = await _box.BackUpAsync();

        string[] differences = [.. (await _box.RunAsync("diff", first[..10])).ShouldExit(0).Output.Split('\n').Select(line => line.Replace(_box.Source, "", StringComparison.Ordinal))];
        differences.Should().Contain(["M files /changed (1.0 KiB → 2.0 KiB)", "- files /gone", "+ files /new", "m files /mode"]);
        differences.Should().NotContain(static line => line.Contains("/same", StringComparison.Ordinal));
        (await _box.RunAsync("diff", "latest", "latest")).ShouldExit(0).Output.Should().NotContain("/");
        (await _box.RunAsync("find", "changed")).ShouldExit(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(2);
        (await _box.RunAsync("find", "gone")).ShouldExit(0).Output.Should().Contain(first[..8]).And.NotContain(second[..8]);
        (await _box.RunAsync("find", "never-there")).ShouldExit(75);
        (await _box.RunAsync("show", "latest")).ShouldExit(0).Output.Should().Contain(second).And.Contain(_box.Source);
        (await _box.RunAsync("show", "latest~1", "files", "--include", "gone")).ShouldExit(0).Output.Should().Contain("gone");
        (await _box.RunAsync("show", "latest", "nope")).ShouldFail(2, "no service 'nope'");
    }

    [Fact]
    public async Task Names_with_control_characters_do_not_reach_the_terminal_raw()
    {
        OddTree.Write(_box.Source);
        await _box.InitAsync();
        await _box.BackUpAsync();
        foreach (string[] command in (string[][])[["show", "latest", "files"], ["find", "*"], ["now", "-v"]])
        {
            CliResult result = (await _box.RunAsync(command)).ShouldExit(0);
            (result.Output + result.Error).Should().NotContain("\u001b").And.NotContain("\u0001").And.NotContain("\r");
            if (command[0] == "show") result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().OnlyContain(line => line.Contains(_box.Source, StringComparison.Ordinal), "one line an entry");
        }
        (await Cli.ShellAsync("\"$1\" show latest files --config \"$2\" | head -n 1", BackupBinary.Path, _box.ConfigFile)).ShouldExit(0).Error.Should().BeEmpty("a reader may leave early");
    }

    [Fact]
    public async Task Quiet_says_nothing_when_all_is_well()
    {
        Write("file", 1000);
        await _box.InitAsync();
        foreach (string[] command in (string[][])[["now"], ["verify"], ["restore", "latest", "--target", _box.Below("x")], ["repair", "index"]])
        {
            CliResult result = (await _box.RunAsync([.. command, "--quiet"])).ShouldExit(0);
            (result.Output + result.Error).Should().BeEmpty();
        }
        (await _box.RunAsync("restore", "latest", "--target", "", "--quiet")).ShouldFail(2, "empty path");
    }

    [Fact]
    public async Task A_dry_run_changes_nothing()
    {
        Write("file", 1000);
        await _box.InitAsync();
        await _box.BackUpAsync();
        string[] before = [.. Sandbox.FilesBelow(_box.Root).Order(StringComparer.Ordinal)];
        Write("file", 2000);
        (await _box.RunAsync("now", "--dry-run")).ShouldExit(0).Output.Should().Contain("nothing was stored");
        (await _box.RunAsync("restore", "latest", "--target", _box.Below("x"), "--dry-run")).ShouldExit(0);
        Sandbox.FilesBelow(_box.Root).Order(StringComparer.Ordinal).Should().Equal(before);
        Directory.Exists(_box.Below("x")).Should().BeFalse();
    }

    [Fact]
    public async Task The_demo_proves_itself_in_under_a_minute_and_leaves_nothing()
    {
        string temporary = _box.Make("tmp");
        CliResult demo = await Cli.ShellAsync("TMPDIR=\"$2\" \"$1\" demo", BackupBinary.Path, temporary);
        demo.ShouldExit(0).Elapsed.Should().BeLessThan(TimeSpan.FromMinutes(1));
        output.WriteLine(demo.Output);
        demo.Output.Should().Contain("equal in every byte").And.Contain("Nothing is left behind");
        Directory.GetFileSystemEntries(temporary).Should().BeEmpty();
    }

    [Fact]
    public async Task The_program_starts_quickly()
    {
        var times = new List<double>();
        for (int i = 0; i < 20; i++) times.Add((await Cli.RunAsync("--version")).ShouldExit(0).Elapsed.TotalMilliseconds);
        times.Sort();
        output.WriteLine($"backup --version, with the test's own overhead: fastest {times[0]:0.0} ms, median {times[10]:0.0} ms");
        times[0].Should().BeLessThan(60);
    }

    private void Write(string name, int size) => File.WriteAllBytes(Path.Combine(_box.Source, name), RandomNumberGenerator.GetBytes(size));
}
