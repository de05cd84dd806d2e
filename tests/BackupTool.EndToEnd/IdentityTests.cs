using System.Diagnostics;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>A tree of everything, backed up once.</summary>
public sealed class OddTreeSnapshot : IAsyncLifetime
{
    internal Sandbox Box { get; } = new();

    internal TreeFingerprint Expected { get; private set; } = null!;

    internal CliResult Now { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        OddTree.Write(Box.Source);
        Expected = Sandbox.Look(Box.Source);
        await Box.InitAsync();
        Now = (await Box.RunAsync("now", "--json")).ShouldExit(0);
    }

    public ValueTask DisposeAsync()
    {
        Box.Dispose();
        return default;
    }
}

public sealed class IdentityTests(OddTreeSnapshot snapshot, ITestOutputHelper output) : IClassFixture<OddTreeSnapshot>
{
    private readonly Sandbox _box = snapshot.Box;

    [Fact]
    public async Task What_is_restored_is_the_source_tree_in_every_respect()
    {
        var clock = Stopwatch.StartNew();
        string target = await _box.RestoreAsync();
        output.WriteLine($"{snapshot.Expected.Entries.Count} entries restored in {clock.ElapsedMilliseconds} ms");
        Sandbox.ShouldHold(target, _box.Source, snapshot.Expected);
    }

    [Fact]
    public async Task Holes_stay_holes()
    {
        string target = await _box.RestoreAsync("latest", "--include", "sparse");
        CliResult used = await Cli.ShellAsync("du -s -k \"$1\" \"$2\" | cut -f1", _box.Source + "/sparse", target + _box.Source + "/sparse");
        long[] kib = [.. used.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        output.WriteLine($"the sparse files take {kib[0]:N0} KiB, restored {kib[1]:N0} KiB");
        kib[1].Should().BeLessThanOrEqualTo(kib[0] + 64);
    }

    [Fact]
    public async Task A_file_of_20_GB_that_is_nearly_all_hole_comes_back_with_its_data_in_place()
    {
        using var box = new Sandbox();
        string file = Path.Combine(box.Source, "huge");
        (long Offset, byte[] Data)[] pieces = [(1L << 32, [1, 2, 3]), ((1L << 33) + 511, [4, 5]), (19_999_999_999, [6])];
        using (var stream = new FileStream(file, FileMode.CreateNew))
        {
            foreach ((long offset, byte[] data) in pieces)
            {
                stream.Position = offset;
                stream.Write(data);
            }
        }
        await box.InitAsync();
        await box.BackUpAsync();
        string target = await box.RestoreAsync(), byTar = box.Make("by-tar");
        (await Cli.ShellAsync("cd \"$1\" && sh \"$2/restore.sh\" latest files | tar -x", byTar, box.Repository)).ShouldExit(0).Error.Should().BeEmpty();
        foreach (string place in (string[])[target, byTar])
        {
            using FileStream restored = File.OpenRead(place + file);
            restored.Length.Should().Be(20_000_000_000);
            foreach ((long offset, byte[] data) in pieces)
            {
                var found = new byte[data.Length];
                restored.Position = offset;
                restored.ReadExactly(found);
                found.Should().Equal(data);
            }
        }
        CliResult used = await Cli.ShellAsync("du -s -k \"$1\" | cut -f1", target + file);
        int.Parse(used.Output, System.Globalization.CultureInfo.InvariantCulture).Should().BeLessThan(200);
    }

    [Fact]
    public void A_socket_is_named_as_left_out_and_costs_no_warning()
    {
        var service = snapshot.Now.Json.GetProperty("services")[0];
        service.GetProperty("leftOut").EnumerateArray().Select(static l => l.GetProperty("path").GetString()).Should().Equal($"{_box.Source}/special/socket");
        service.GetProperty("warnings").GetArrayLength().Should().Be(0);
    }

    [Fact]
    public async Task A_tree_that_is_backed_up_again_restores_the_same_from_reused_chunks()
    {
        await _box.BackUpAsync();
        Sandbox.ShouldHold(await _box.RestoreAsync("latest"), _box.Source, snapshot.Expected);
    }

    /// <summary>sh is dash on Debian; what a rescue system has instead of the tools is tried, too.</summary>
    [Theory]
    [InlineData("dash", "mawk", "")]
    [InlineData("bash", "gawk", "")]
    [InlineData("busybox", "busybox", "sha256sum tail head dirname mktemp sort grep rm")]
    public async Task Restore_sh_and_tar_give_the_identical_tree(string shell, string awk, string busyboxTools)
    {
        string tools = _box.Make($"tools-{shell}"), target = _box.Make($"restored-with-{shell}");
        foreach ((string name, string program) in (IEnumerable<(string, string)>)[("awk", awk), ("sh", shell), .. busyboxTools.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static t => (t, "busybox"))])
            File.CreateSymbolicLink(Path.Combine(tools, name), Find(program));
        CliResult restored = await Cli.ShellAsync("""
            PATH="$1:$PATH"; cd "$2"
            sh "$3/restore.sh" latest files | tar -x -p --numeric-owner --xattrs --xattrs-include='*' --warning=no-timestamp
            """, tools, target, _box.Repository);
        restored.ShouldExit(0);
        restored.Error.Should().BeEmpty();
        output.WriteLine($"{shell}, {awk}: {restored.Elapsed.TotalSeconds:0.0} s");
        Sandbox.ShouldHold(target, _box.Source, snapshot.Expected);
    }

    [Fact]
    public async Task Restore_sh_lists_snapshots_and_services()
    {
        string id = (await _box.ListAsync())[0];
        (await Cli.ShellAsync("sh \"$1/restore.sh\"", _box.Repository)).ShouldExit(0).Output.Should().Contain(id[..12]).And.Contain("files");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" \"$2\"", _box.Repository, id[..8])).ShouldExit(0).Output.Should().Be("files\n");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" latest no-such | cat", _box.Repository)).Error.Should().Contain("has no service 'no-such'; it has: files");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" ffff0000ffff", _box.Repository)).ShouldExit(1).Error.Should().Contain("no snapshot ffff0000ffff");
    }

    [Fact]
    public async Task Standard_tools_find_the_repository_whole()
    {
        (await _box.RunAsync("verify", "--level", "data")).ShouldExit(0);
        (await Cli.ShellAsync("cd \"$1\" && sha256sum -c SHA256SUMS", _box.Repository)).ShouldExit(0).Output
            .Should().Contain("README.txt: OK").And.Contain("restore.sh: OK").And.Contain("repository.json: OK");
        (await Cli.ShellAsync("cd \"$1\" && zstd -tq packs/*/*.zst index/*.zst", _box.Repository)).ShouldExit(0);
        CliResult sums = await Cli.ShellAsync("cd \"$1\" && sha256sum packs/*/*.zst index/*.tsv.zst snapshots/*.json evidence/*.json", _box.Repository);
        string[] lines = sums.ShouldExit(0).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (string line in lines) Path.GetFileName(line[66..])[..64].Should().Be(line[..64], "a file's name is the SHA-256 of its bytes");
        output.WriteLine($"{lines.Length} files of {_box.RepositoryBytes():N0} bytes are what their names say");
        lines.Length.Should().BeGreaterThanOrEqualTo(4);
    }

    [Fact]
    public async Task What_the_readme_tells_an_operator_to_type_works()
    {
        string[] commands = [.. File.ReadLines(Path.Combine(_box.Repository, "README.txt")).Select(static l => l.Trim())];
        string check = commands.Single(static l => l.StartsWith("for f in packs", StringComparison.Ordinal));
        (await Cli.ShellAsync($"cd \"$1\" && {check}", _box.Repository)).ShouldExit(0);
        string restore = commands.Single(static l => l.StartsWith("sh /path/to/this/restore.sh", StringComparison.Ordinal))
            .Replace("/path/to/this", _box.Repository, StringComparison.Ordinal).Replace("maubot", "files", StringComparison.Ordinal);
        string target = _box.Make("readme");
        (await Cli.ShellAsync($"cd \"$1\" && {restore}", target)).ShouldExit(0);
        Sandbox.ShouldHold(target, _box.Source, snapshot.Expected);
    }

    private static string Find(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"{program} is not installed: tests/run.sh installs it");
}
