using System.Security.Cryptography;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>Ordinary archive files: what export writes, real tools read; what real tools write, import adopts.</summary>
public sealed class ArchiveTests(OddTreeSnapshot snapshot) : IClassFixture<OddTreeSnapshot>, IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    [Theory]
    [InlineData("tar", "")]
    [InlineData("tar.zst", "--zstd")]
    [InlineData("tar.gz", "--gzip")]
    public async Task An_exported_tar_of_everything_is_the_identical_tree_to_gnu_tar(string suffix, string option)
    {
        string file = _box.Below($"export.{suffix}"), target = _box.Make($"extracted-{suffix}");
        (await snapshot.Box.RunAsync("export", "latest", "files", "--output", file)).ShouldExit(0);
        (await Cli.ShellAsync($"tar -x -p {option} --numeric-owner --xattrs --xattrs-include='*' -f \"$1\" -C \"$2\"", file, target)).ShouldExit(0);
        Sandbox.ShouldHold(target, snapshot.Box.Source, snapshot.Expected);
    }

    [Fact]
    public async Task An_exported_zip_holds_every_file()
    {
        WriteFiles();
        await _box.InitAsync();
        await _box.BackUpAsync();
        string file = _box.Below("export.zip"), target = _box.Make("extracted");
        (await _box.RunAsync("export", "latest", "files", "--output", file)).ShouldExit(0);
        (await Cli.ShellAsync("cd \"$2\" && 7z x -y \"$1\"", file, target)).ShouldExit(0);
        Contents(target + _box.Source).Should().Equal(Contents(_box.Source));
    }

    [Theory]
    [InlineData("old.tar", "tar -cf \"$1\" source")]
    [InlineData("old.tar.gz", "tar -czf \"$1\" source")]
    [InlineData("old.tar.xz", "tar -cJf \"$1\" source")]
    [InlineData("old.tar.bz2", "tar -cjf \"$1\" source")]
    [InlineData("old.tar.zst", "tar --zstd -cf \"$1\" source")]
    [InlineData("old.zip", "zip -qr \"$1\" source")]
    [InlineData("old.7z", "7z a \"$1\" source")]
    public async Task An_operators_old_archive_becomes_a_snapshot(string name, string command)
    {
        WriteFiles();
        string file = _box.Below(name);
        (await Cli.ShellAsync($"cd \"$2\" && {command} >/dev/null", file, _box.Root)).ShouldExit(0);
        File.SetLastWriteTimeUtc(file, new DateTime(2020, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        byte[] before = SHA256.HashData(File.ReadAllBytes(file));
        await _box.InitAsync();
        (await _box.RunAsync("import", file, "--service", "files")).ShouldExit(0);
        (await _box.RunAsync("list")).Output.Should().Contain("2020-02-03").And.Contain("imported");
        string target = await _box.RestoreAsync();
        Contents(target + "/source").Should().Equal(Contents(_box.Source));
        await _box.VerifyAsync("data");
        SHA256.HashData(File.ReadAllBytes(file)).Should().Equal(before, "the file is not touched");

        // What it holds is not stored again.
        await _box.BackUpAsync();
        (await _box.ListAsync()).Should().HaveCount(2);
    }

    [Theory]
    [InlineData("tar -cPf \"$1\" --transform 's,^,../,' file", "../file")]
    [InlineData("tar -cPf \"$1\" \"$PWD/file\"", "/file")]
    [InlineData("ln -s /tmp out && tar -cf \"$1\" out && rm out && mkdir out && echo evil > out/e2e-evil && tar -rf \"$1\" out/e2e-evil", "out")]
    public async Task An_archive_that_would_write_elsewhere_cannot(string command, string name)
    {
        string file = _box.Below("evil.tar"), evil = Path.Combine("/tmp", "e2e-evil");
        File.WriteAllText(_box.Below("source/file"), "evil");
        (await Cli.ShellAsync($"cd \"$2\" && {command}", file, _box.Source)).ShouldExit(0);
        await _box.InitAsync();
        CliResult import = await _box.RunAsync("import", file, "--service", "old");
        if (import.ExitCode == 0)
        {
            // Then at least nothing leaves the target: what is restored is below it, or refused.
            string target = _box.Below("deep/er/target");
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            CliResult restore = await _box.RunAsync("restore", "latest", "--target", target);
            restore.ExitCode.Should().BeOneOf([0, 1, 3, 13], restore.Error);
            Directory.GetFileSystemEntries(_box.Below("deep")).Should().Equal(_box.Below("deep/er"));
        }
        else import.ShouldFail(1, name);
        File.Exists(evil).Should().BeFalse();
    }

    [Fact]
    public async Task A_truncated_or_foreign_file_is_not_imported_and_nothing_is_committed()
    {
        WriteFiles();
        string file = _box.Below("old.tar.gz"), cut = _box.Below("cut.tar.gz");
        (await Cli.ShellAsync("cd \"$2\" && tar -czf \"$1\" source", file, _box.Root)).ShouldExit(0);
        byte[] whole = File.ReadAllBytes(file);
        await _box.InitAsync();
        File.WriteAllBytes(cut, whole[..(whole.Length / 2)]);
        (await _box.RunAsync("import", cut, "--service", "old")).ShouldFail(1, cut);
        whole[whole.Length / 2] ^= 0x10;
        File.WriteAllBytes(cut, whole);
        (await _box.RunAsync("import", cut, "--service", "old")).ShouldFail(1, cut);
        (await _box.RunAsync("import", _box.ConfigFile, "--service", "old")).ShouldFail(1, _box.ConfigFile, "no archive");
        (await _box.RunAsync("import", _box.Below("gone"), "--service", "old")).ShouldFail(1, _box.Below("gone"));
        (await _box.ListAsync()).Should().BeEmpty();
        _box.FindLeftovers().Should().BeEmpty();
        (await _box.RunAsync("verify", "--level", "data")).ShouldExit(75, "nothing is damaged, and nothing there");
    }

    [Fact]
    public async Task An_export_never_replaces_a_file_and_leaves_none_when_it_fails()
    {
        WriteFiles();
        await _box.InitAsync();
        await _box.BackUpAsync();
        string file = _box.Below("export.tar");
        File.WriteAllText(file, "mine");
        (await _box.RunAsync("export", "latest", "files", "--output", file)).ShouldFail(2, "exists");
        File.ReadAllText(file).Should().Be("mine");
        foreach (string pack in Directory.GetFiles(Path.Combine(_box.Repository, "packs"), "*.zst", SearchOption.AllDirectories)) File.WriteAllBytes(pack, new byte[new FileInfo(pack).Length]);
        string other = _box.Make("exports");
        (await _box.RunAsync("export", "latest", "files", "--output", Path.Combine(other, "x.tar.zst"))).ShouldExit(13);
        Directory.GetFileSystemEntries(other).Should().BeEmpty();
    }

    private void WriteFiles()
    {
        for (int i = 0; i < 30; i++)
        {
            string file = Path.Combine(_box.Source, $"d{i % 3}/file-{i}");
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, RandomNumberGenerator.GetBytes(i * 3000));
        }
        File.WriteAllText(Path.Combine(_box.Source, "d0/ünïcödé"), "name");
    }

    private static string[] Contents(string root) =>
        [.. TreeFingerprint.Of(root).Entries.Select(static entry => $"{entry.Path} {entry.Kind} {entry.Sha256}")];
}
