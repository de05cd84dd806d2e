using System.Security.Cryptography;
using BackupTool.EndToEnd.Support;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>One flipped bit, anywhere in a repository: verify finds it, and no restore gives wrong bytes.</summary>
public sealed class BitFlipTests(ITestOutputHelper output) : IDisposable
{
    private const int Flips = 2100, Restores = 220;
    private readonly Sandbox _box = new();
    private readonly Random _random = new(1);

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task Every_flipped_bit_is_found_by_verify()
    {
        await MakeRepositoryAsync();
        string[] files = Files();
        var found = new Dictionary<string, int>();
        await Parallel.ForEachAsync(Copies(2), TestContext.Current.CancellationToken, async (copy, _) =>
        {
            for (int i = copy.Number; i < Flips; i += 2)
            {
                string name = files[i % files.Length];
                long position = await WithFlipAsync(Path.Combine(copy.Path, name), Seed(i), async position =>
                {
                    CliResult verify = await Cli.RunAsync("verify", "--level", "data", "--repository", copy.Path);
                    verify.ExitCode.Should().Be(13, "bit {0} of {1} is flipped; it said: {2}{3}", position, name, verify.Output, verify.Error);
                    if (!IsSum(name)) verify.Error.Should().Contain(name, "it names the file");
                });
                RemoveNewEvidence(copy.Path, files);
                lock (found) found[KindOf(name)] = found.GetValueOrDefault(KindOf(name)) + 1;
            }
            (await Cli.RunAsync("verify", "--level", "data", "--repository", copy.Path)).ShouldExit(0, "every bit was put back");
        });
        output.WriteLine($"{Flips} flips in {files.Length} files of {files.Sum(file => new FileInfo(Path.Combine(_box.Repository, file)).Length):N0} bytes, every one found: {string.Join(", ", found.OrderBy(static f => f.Key).Select(static f => $"{f.Key} {f.Value}"))}");
        found.Keys.Should().BeEquivalentTo("README.txt", "SHA256SUMS", "evidence", "index", "packs", "repository.json", "restore.sh", "snapshots");
    }

    /// <summary>Seven bits of the version's digit make another version of it: that is damage all the same, not a newer format.</summary>
    [Fact]
    public async Task Every_bit_of_the_format_version_counts()
    {
        await MakeRepositoryAsync();
        string file = Path.Combine(_box.Repository, "repository.json");
        byte[] whole = File.ReadAllBytes(file);
        int line = whole.AsSpan().IndexOf("\"formatVersion\": "u8);
        for (int bit = 8 * line; bit < 8 * (line + 20); bit++)
        {
            byte[] flipped = [.. whole];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(file, flipped);
            (await _box.RunAsync("verify")).ShouldFail(13, "repository.json");
        }
    }

    [Fact]
    public async Task A_good_snapshot_can_be_restored_by_its_id_though_another_is_damaged()
    {
        TreeFingerprint expected = await MakeRepositoryAsync();
        string[] ids = await _box.ListAsync();
        string damaged = Path.Combine(_box.Repository, $"snapshots/{ids[0]}.json");
        await WithFlipAsync(damaged, Seed(1), async _ =>
        {
            (await _box.RunAsync("restore", "latest", "--target", _box.Below("x"))).ShouldFail(13, ids[0], "move it away", "named by their ids");
            Sandbox.ShouldHold(await _box.RestoreAsync(ids[1]), _box.Source, expected);
            (await _box.RunAsync("restore", ids[0][..8], "--target", _box.Below("x"))).ShouldFail(13, ids[0]);
        });
        File.Delete(damaged);
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source, expected);
        await _box.VerifyAsync("data");
    }

    [Fact]
    public async Task A_restore_from_a_repository_with_a_flipped_bit_is_right_or_fails_and_leaves_nothing()
    {
        TreeFingerprint expected = await MakeRepositoryAsync();
        string latest = (await _box.ListAsync())[^1];
        string[] files = [.. Files().Where(static file => KindOf(file) is "packs" or "index" or "snapshots")];
        int failed = 0, identical = 0;
        for (int i = 0; i < Restores; i++)
        {
            string name = files[i % files.Length], target = _box.Below("target");
            await WithFlipAsync(Path.Combine(_box.Repository, name), Seed(i), async position =>
            {
                CliResult restore = await _box.RunAsync("restore", latest, "--target", target);
                if (restore.ExitCode == 0)
                {
                    Sandbox.ShouldHold(target, _box.Source, expected, $"bit {position} of {name} is flipped");
                    PosixDirectory.Current.RemoveTree(BytePath.From(target));
                    identical++;
                    return;
                }
                restore.ShouldFail(13, name);
                Directory.Exists(target).Should().BeFalse("nothing half-restored stays");
                failed++;
            });
        }
        output.WriteLine($"{Restores} flips: {failed} restores failed and named the file, {identical} did not need the damaged byte and were identical");
        failed.Should().BeGreaterThan(Restores / 3);
        Sandbox.ShouldHold(await _box.RestoreAsync(latest), _box.Source, expected, "every bit was put back");
    }

    [Fact]
    public async Task Restore_sh_gives_no_wrong_bytes_either()
    {
        TreeFingerprint expected = await MakeRepositoryAsync();
        string[] files = [.. Files().Where(static file => KindOf(file) is "packs" or "index" or "snapshots")];
        int failed = 0, identical = 0;
        for (int i = 0; i < 60; i++)
        {
            string name = files[i % files.Length], target = _box.Make($"by-sh-{i}");
            await WithFlipAsync(Path.Combine(_box.Repository, name), Seed(i), async position =>
            {
                CliResult restore = await Cli.ShellAsync("cd \"$1\"; sh \"$2/restore.sh\" latest files > \"$1.tar\" && tar -x -p --xattrs --xattrs-include='*' -f \"$1.tar\"", target, _box.Repository);
                if (restore.ExitCode != 0)
                {
                    restore.Error.Should().Contain("damaged");
                    failed++;
                    return;
                }
                if (KindOf(name) != "snapshots") Sandbox.ShouldHold(target, _box.Source, expected, $"bit {position} of {name} is flipped");
                identical++;
            });
        }
        output.WriteLine($"restore.sh: {failed} failed and said so, {identical} did not need the damaged byte");
        failed.Should().BeGreaterThan(10);
    }

    [Fact]
    public async Task A_missing_or_truncated_file_is_found_and_named()
    {
        await MakeRepositoryAsync();
        foreach (string name in Files().Where(static name => !name.StartsWith("evidence", StringComparison.Ordinal)))
        {
            string path = Path.Combine(_box.Repository, name), away = _box.Below("away");
            File.Move(path, away);
            CliResult missing = await _box.RunAsync("verify", "--level", "data");
            if (name == "repository.json") missing.ShouldFail(10);
            // A snapshot that is gone without a trace was forgotten, for all that anybody can tell.
            else if (KindOf(name) != "snapshots") missing.ShouldFail(13, IsSum(name) ? name : KindOf(name) == "index" ? "index" : name);
            byte[] content = File.ReadAllBytes(away);
            File.WriteAllBytes(path, content[..(content.Length / 2)]);
            (await _box.RunAsync("verify", "--level", "data")).ShouldFail(13, name);
            File.Move(away, path, overwrite: true);
        }
        await _box.VerifyAsync("data");
    }

    /// <summary>Small, but with everything: two snapshots, large and small files, a report of a verification.</summary>
    private async Task<TreeFingerprint> MakeRepositoryAsync()
    {
        for (int i = 0; i < 40; i++) Write($"small-{i}", _random.Next(5000));
        Write("large-1", 600_000);
        Write("large-2", 300_000);
        await _box.InitAsync();
        await _box.BackUpAsync();
        Write("small-7", 3000);
        Write("large-2", 350_000);
        await _box.BackUpAsync();
        await _box.VerifyAsync("data");
        _box.RepositoryBytes().Should().BeLessThan(2_000_000);
        return Sandbox.Look(_box.Source);
    }

    private void Write(string name, int size)
    {
        var content = new byte[size];
        _random.NextBytes(content);
        File.WriteAllBytes(Path.Combine(_box.Source, name), content);
    }

    private string[] Files() =>
        [.. Sandbox.FilesBelow(_box.Repository).Select(file => Path.GetRelativePath(_box.Repository, file)).Where(static name => !name.StartsWith("locks/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>Copies of the repository: each is damaged by a task of its own.</summary>
    private IEnumerable<(int Number, string Path)> Copies(int count)
    {
        for (int i = 0; i < count; i++)
        {
            string copy = _box.Below($"copy-{i}");
            Cli.ShellAsync("cp -a \"$1\" \"$2\"", _box.Repository, copy).GetAwaiter().GetResult().ShouldExit(0);
            yield return (i, copy);
        }
    }

    private static Random Seed(int i) => new(i * 7919);

    private static async Task<long> WithFlipAsync(string path, Random random, Func<long, Task> run)
    {
        byte[] whole = File.ReadAllBytes(path);
        long bit = random.NextInt64(whole.Length * 8L);
        byte[] flipped = [.. whole];
        flipped[bit / 8] ^= (byte)(1 << (int)(bit % 8));
        File.WriteAllBytes(path, flipped);
        await run(bit);
        File.WriteAllBytes(path, whole);
        SHA256.HashData(File.ReadAllBytes(path)).Should().Equal(SHA256.HashData(whole));
        return bit;
    }

    private static void RemoveNewEvidence(string repository, string[] known)
    {
        foreach (string file in Sandbox.FilesBelow(Path.Combine(repository, "evidence")))
            if (!known.Contains(Path.GetRelativePath(repository, file))) File.Delete(file);
    }

    private static string KindOf(string name) => name.Split('/')[0];

    // Where the sums and a file differ, either may be the damaged one.
    private static bool IsSum(string name) => name == "SHA256SUMS";
}
