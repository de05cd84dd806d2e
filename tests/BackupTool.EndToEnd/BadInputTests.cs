using System.Security.Cryptography;
using System.Text;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>A bad input gets a sentence with a way out and the right exit code, and nothing half-written stays.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly Sandbox _box = new();

    public BadInputTests() => File.WriteAllText(Path.Combine(_box.Source, "file"), "content");

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task No_repository()
    {
        foreach (string[] command in (string[][])[["now"], ["list"], ["verify"], ["restore", "latest", "--target", _box.Below("x")]])
            (await _box.RunAsync(command)).ShouldFail(10, $"no repository at {_box.Repository}", "backup init");
        Directory.Exists(_box.Repository).Should().BeFalse();
        Directory.Exists(_box.Below("x")).Should().BeFalse();
    }

    [Fact]
    public async Task A_repository_of_a_newer_format()
    {
        await _box.InitAsync();
        string json = Path.Combine(_box.Repository, "repository.json"), sums = Path.Combine(_box.Repository, "SHA256SUMS");
        string before = Sum(json);
        File.WriteAllText(json, File.ReadAllText(json).Replace("\"formatVersion\": 1", "\"formatVersion\": 2, \"somethingNew\": true", StringComparison.Ordinal));
        File.WriteAllText(sums, File.ReadAllText(sums).Replace(before, Sum(json), StringComparison.Ordinal));
        foreach (string[] command in (string[][])[["now"], ["list"], ["verify"]]) (await _box.RunAsync(command)).ShouldFail(1, "has format 2; this version reads format 1", "Use a newer version");

        static string Sum(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
    }

    [Fact]
    public async Task Init_where_something_is_already()
    {
        await _box.InitAsync();
        (await _box.RunAsync("init")).ShouldFail(1, "There is a repository at");
        (await _box.RunAsync("init", "--repository", _box.Source)).ShouldFail(1, _box.Source);
        Directory.GetFiles(_box.Source).Should().Equal([Path.Combine(_box.Source, "file")], "nothing is put among other files");
        (await _box.RunAsync("init", "--repository", Path.Combine(_box.Source, "file"))).ShouldFail(1, Path.Combine(_box.Source, "file"));
        await _box.BackUpAsync();
    }

    [Fact]
    public async Task A_file_that_this_user_may_not_read_is_named_and_the_rest_is_stored()
    {
        File.WriteAllText(Path.Combine(_box.Source, "secret"), "secret");
        Directory.CreateDirectory(Path.Combine(_box.Source, "closed"));
        File.WriteAllText(Path.Combine(_box.Source, "closed/inside"), "inside");
        (await Cli.ShellAsync("chmod 755 \"$1\" \"$2\"; chmod 600 \"$2/secret\"; chmod 700 \"$2/closed\"; mkdir \"$3\" \"$4\"; chown nobody \"$3\" \"$4\"", _box.Root, _box.Source, _box.Repository, _box.Staging)).ShouldExit(0);
        (await AsNobodyAsync("init")).ShouldExit(0);
        (await AsNobodyAsync("now")).ShouldFail(3, $"{_box.Source}/secret", $"{_box.Source}/closed", "ermission denied");
        (await _box.RunAsync("list")).ShouldExit(0).Output.Should().Contain("warnings");
        string target = await _box.RestoreAsync();
        File.ReadAllText(target + _box.Source + "/file").Should().Be("content");
        File.Exists(target + _box.Source + "/secret").Should().BeFalse();

        Task<CliResult> AsNobodyAsync(string command) =>
            Cli.RunProgramAsync("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", BackupBinary.Path, command, "--config", _box.ConfigFile]);
    }

    [Fact]
    public async Task A_service_whose_path_is_missing_fails_alone()
    {
        string gone = _box.Below("gone");
        await _box.InitAsync();
        _box.Configure(Sandbox.FilesService("files", gone));
        (await _box.RunAsync("now")).ShouldFail(1, gone, "does not exist", "Nothing was stored");
        (await _box.ListAsync()).Should().BeEmpty();

        _box.Configure(Sandbox.FilesService("first", gone), Sandbox.FilesService("second", _box.Source));
        (await _box.RunAsync("now")).ShouldFail(1, gone, "first is NOT in this snapshot");
        (await _box.RunAsync("list")).Output.Should().Contain("WITHOUT first");
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
    }

    [Fact]
    public async Task A_target_that_is_not_empty_is_refused_or_with_overwrite_restored_over()
    {
        await _box.InitAsync();
        await _box.BackUpAsync();
        string target = _box.Make("target"), restored = target + _box.Source + "/file", other = Path.Combine(target, "other");
        File.WriteAllText(other, "other");
        (await _box.RunAsync("restore", "latest", "--target", target)).ShouldFail(1, $"{target} is not empty", "--overwrite");
        Directory.GetFileSystemEntries(target).Should().Equal(other);
        (await _box.RunAsync("restore", "latest", "--target", target, "--overwrite")).ShouldExit(0);
        File.WriteAllText(restored, "changed meanwhile, and longer");
        (await _box.RunAsync("restore", "latest", "--target", target, "--overwrite")).ShouldExit(0);
        Sandbox.ShouldHold(target, _box.Source);
        File.ReadAllText(other).Should().Be("other");
    }

    [Fact]
    public async Task A_target_that_cannot_be_one()
    {
        await _box.InitAsync();
        await _box.BackUpAsync();
        string file = Path.Combine(_box.Source, "file");
        (await _box.RunAsync("restore", "latest", "--target", file)).ShouldFail(1, $"{file} is not a directory");
        (await _box.RunAsync("restore", "latest", "--target", Path.Combine(file, "inside"))).ShouldFail(1, Path.Combine(file, "inside"));
        (await _box.RunAsync("restore", "latest", "--target", _box.Below("a/b/c"))).ShouldFail(1, _box.Below("a/b"), "does not exist");
        (await _box.RunAsync("restore", "latest", "--target", _box.Below("y"), "--service", "nope")).ShouldFail(2, "no service 'nope'", "files");
        (await _box.RunAsync("restore", "latest", "--target", _box.Below("y"), "--include", "nope")).ShouldFail(2, "matches");
        (await _box.RunAsync("restore", "ffffffff", "--target", _box.Below("y"))).ShouldFail(2, "no snapshot 'ffffffff'", "backup list");
        Directory.Exists(_box.Below("y")).Should().BeFalse();
        Directory.Exists(_box.Below("a")).Should().BeFalse();
        File.ReadAllText(file).Should().Be("content");
    }

    [Fact]
    public async Task A_configuration_with_mistakes_is_told_all_of_them_with_their_places()
    {
        await _box.InitAsync();
        File.WriteAllText(_box.ConfigFile, $"[repository]\npth = \"{_box.Repository}\"\n\n[service.files]\nkind = \"fils\"\npaths = [\"{_box.Source}\"]\n");
        CliResult now = await _box.RunAsync("now");
        now.ShouldFail(2, $"{_box.ConfigFile}:2:1", "Did you mean `path`?", $"{_box.ConfigFile}:5:8", "Did you mean `files`?");
        File.WriteAllText(_box.ConfigFile, "[repository\n");
        (await _box.RunAsync("now")).ShouldFail(2, $"{_box.ConfigFile}:1:");
        File.WriteAllBytes(_box.ConfigFile, [0xff, 0xfe, 0, 1]);
        (await _box.RunAsync("now")).ShouldFail(2, _box.ConfigFile);
        File.Delete(_box.ConfigFile);
        (await _box.RunAsync("now")).ShouldFail(2, _box.ConfigFile, "no such configuration file", "--config");
    }

    [Fact]
    public async Task A_mistyped_command_line()
    {
        (await _box.RunAsync("nwo")).ShouldFail(2, "'nwo'", "--help");
        (await _box.RunAsync("now", "--lable", "x")).ShouldFail(2, "--lable", "backup now --help");
        (await _box.RunAsync("now", "--service", "nope")).ShouldFail(2, "no service 'nope'", "files");
        (await _box.RunAsync("now", "--lock-wait", "soon")).ShouldFail(2, "'soon'", "30s");
        (await _box.RunAsync("verify", "--level", "dta")).ShouldFail(2, "dta", "data").Error.Should().NotContain("BackupTool.");
        (await _box.RunAsync("verify", "--level", "data", "--subset", "8/7")).ShouldFail(2, "8/7");
        (await Cli.RunAsync("restore", "--help")).ShouldExit(0).Output.Should().Contain("--target").And.Contain("Exit codes");
        (await Cli.RunAsync()).ShouldExit(2).Output.Should().Contain("Commands:");
    }

    [Fact]
    public async Task A_standard_output_that_takes_nothing_loses_no_backup_and_makes_no_success_of_half_an_answer()
    {
        await _box.InitAsync();
        File.WriteAllText(Path.Combine(_box.Source, "file"), "content");
        Task<CliResult> RunAsync(string command) => Cli.ShellAsync($"exec \"$1\" {command}", BackupBinary.Path, _box.ConfigFile);

        (await RunAsync("now --config \"$2\" > /dev/full 2> /dev/full")).ExitCode.Should().Be(3);
        (await RunAsync("now --json --config \"$2\" > /dev/full")).ShouldFail(3, "standard output could not be written to its end: No space left on device");
        (await RunAsync("now --config \"$2\" >&-")).ExitCode.Should().BeOneOf([0, 3], "the runtime may have taken the number for a file that it only reads");
        (await RunAsync("now --config \"$2\" <&- >&- 2>&-")).ShouldExit(0);
        (await _box.ListAsync()).Should().HaveCount(4);
        (await RunAsync("list --json --config \"$2\" > /dev/full")).ShouldFail(1, "standard output could not be written to its end");
        (await RunAsync("lst --json --config \"$2\" > /dev/full")).ShouldFail(2, "'lst'");
        (await RunAsync("list --json --repository /nowhere > /dev/full")).ShouldExit(10);
        (await RunAsync("--help > /dev/full")).ShouldFail(1, "standard output cannot be written");
        await _box.VerifyAsync("data");
    }

    [Fact]
    public async Task An_error_with_json_is_one_document_too()
    {
        CliResult list = (await _box.RunAsync("list", "--json")).ShouldExit(10);
        list.Json.GetProperty("error").GetProperty("code").GetInt32().Should().Be(10);
        list.Json.GetProperty("error").GetProperty("hint").GetString().Should().Contain("backup init");
    }

    [Fact]
    public async Task A_damaged_pack_fails_the_restore_that_needs_it_and_names_it()
    {
        File.WriteAllBytes(Path.Combine(_box.Source, "data"), RandomNumberGenerator.GetBytes(2_000_000));
        TreeFingerprint expected = Sandbox.Look(_box.Source);
        await _box.InitAsync();
        await _box.BackUpAsync();
        string pack = Directory.GetFiles(Path.Combine(_box.Repository, "packs"), "*.zst", SearchOption.AllDirectories).MaxBy(static file => new FileInfo(file).Length)!;
        byte[] whole = File.ReadAllBytes(pack);
        byte[] damaged = [.. whole];
        damaged[1_000_000] ^= 4;
        File.WriteAllBytes(pack, damaged);
        string target = _box.Below("target"), existing = _box.Make("existing");
        (await _box.RunAsync("restore", "latest", "--target", target)).ShouldFail(13, Path.GetFileName(pack));
        Directory.Exists(target).Should().BeFalse();
        (await _box.RunAsync("restore", "latest", "--target", existing)).ShouldFail(13, Path.GetFileName(pack));
        Directory.GetFileSystemEntries(existing).Should().BeEmpty();
        File.WriteAllText(Path.Combine(existing, "mine"), "mine");
        (await _box.RunAsync("restore", "latest", "--target", existing, "--overwrite")).ShouldFail(13, Path.GetFileName(pack));
        Directory.GetFileSystemEntries(existing).Should().Equal([Path.Combine(existing, "mine")], "what is needed is read before the first file is touched");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" latest files > \"$2\"", _box.Repository, _box.Below("tar"))).ShouldFail(1, "is damaged");
        File.Delete(pack);
        (await _box.RunAsync("restore", "latest", "--target", target)).ShouldFail(13, Path.GetFileName(pack));
        File.WriteAllBytes(pack, whole);
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source, expected);
    }

    [Fact]
    public async Task A_path_beyond_what_the_kernel_takes_is_named_and_the_rest_is_stored()
    {
        (await Cli.ShellAsync("cd \"$1\"; for i in $(seq 45); do d=$(printf %0100d $i); mkdir $d && cd -P $d || exit 1; done; echo deep > deep", _box.Source)).ShouldExit(0);
        await _box.InitAsync();
        CliResult now = await _box.RunAsync("now");
        now.ExitCode.Should().BeOneOf(0, 3);
        if (now.ExitCode == 3) now.Error.Should().Contain("name too long");
        string target = await _box.RestoreAsync();
        File.ReadAllText(target + _box.Source + "/file").Should().Be("content");
    }

    [Fact]
    public async Task Two_runs_at_once_the_second_waits_or_says_who_is_in_the_way()
    {
        File.WriteAllBytes(Path.Combine(_box.Source, "data"), RandomNumberGenerator.GetBytes(80_000_000));
        await _box.InitAsync();
        Task<CliResult> first = _box.RunAsync("now");
        while (!File.Exists(Path.Combine(_box.Repository, "locks/writer.json"))) await Task.Delay(1, TestContext.Current.CancellationToken);
        CliResult refused = await _box.RunAsync("now", "--lock-wait", "0s");
        first.IsCompleted.Should().BeFalse("the premise: the first still runs");
        refused.ShouldFail(11, "in use by 'backup now'", "--lock-wait");
        (await _box.RunAsync("now", "--lock-wait", "1m")).ShouldExit(0).Error.Should().Contain("waiting for 'backup now'");
        (await first).ShouldExit(0);
        (await _box.ListAsync()).Should().HaveCount(2);
    }

    [Fact]
    public async Task A_verification_of_nothing_is_no_success()
    {
        await _box.InitAsync();
        (await _box.RunAsync("verify")).ShouldExit(75).Error.Should().Contain("nothing was verified");
        (await _box.RunAsync("verify", "latest", "--level", "content")).ShouldFail(2, "no snapshot", "backup now");
        await _box.BackUpAsync();
        (await _box.RunAsync("verify", "latest")).ShouldFail(2, "whole repository", "--level content");
        (await _box.RunAsync("verify", "--subset", "1/7")).ShouldFail(2, "does not read them", "--level data");
        (await _box.RunAsync("verify", "latest", "--level", "content")).ShouldExit(0);
    }

    [Fact]
    public async Task Many_runs_and_verifications_at_once_all_get_their_turn()
    {
        await _box.InitAsync();
        await _box.BackUpAsync();
        CliResult[] results = await Task.WhenAll(Enumerable.Range(0, 24).Select(i => i % 2 == 0 ? _box.RunAsync("now", "--lock-wait", "1m") : _box.RunAsync("verify")));
        foreach (CliResult result in results) result.ShouldExit(0);
        (await _box.ListAsync()).Should().HaveCount(13);
        _box.FindLeftovers().Should().BeEmpty();
        await _box.VerifyAsync("data");
    }

    [Fact]
    public async Task A_repository_that_cannot_be_written_can_still_be_read()
    {
        await _box.InitAsync();
        await _box.BackUpAsync();
        string mount = _box.Make("read-only");
        (await Cli.ShellAsync("mount --bind -o ro \"$1\" \"$2\" && mount -o remount,bind,ro \"$2\"", _box.Repository, mount)).ShouldExit(0);
        try
        {
            (await Cli.RunAsync("list", "--repository", mount)).ShouldExit(0);
            (await Cli.RunAsync("restore", "latest", "--target", _box.Below("from-read-only"), "--repository", mount)).ShouldExit(0);
            (await Cli.RunAsync("verify", "--level", "data", "--repository", mount)).ShouldExit(0);
            (await _box.RunAsync("now", "--repository", mount)).ShouldFail(1, mount, "ead-only file system");
        }
        finally
        {
            (await Cli.ShellAsync("umount \"$1\"", mount)).ShouldExit(0);
        }
        Sandbox.ShouldHold(_box.Below("from-read-only"), _box.Source);
    }

    [Fact]
    public async Task Names_of_services_and_labels_cannot_leave_the_repository()
    {
        await _box.InitAsync();
        _box.Configure($"[service.\"../x\"]\nkind = \"files\"\npaths = [\"{_box.Source}\"]");
        (await _box.RunAsync("now")).ShouldFail(2, "../x");
        _box.Configure();
        (await _box.RunAsync("now", "--label", "../../x\n\u001b[31m")).ExitCode.Should().BeOneOf(0, 2);
        (await _box.RunAsync("list")).ShouldExit(0).Output.Should().NotContain("\u001b");
        Encoding.UTF8.GetByteCount((await _box.RunAsync("list", "--json")).ShouldExit(0).Output).Should().BePositive();
    }
}
