using System.Security.Cryptography;
using System.Text;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Verification;

public sealed class RepositoryVerifierTests : IAsyncLifetime
{
    private TreeBackup _backup = null!;
    private TreeBackupResult _first = null!;

    public async ValueTask InitializeAsync()
    {
        _backup = await TreeBackup.CreateAsync();
        for (int i = 0; i < 60; i++) await File.WriteAllBytesAsync(Path.Combine(_backup.Tree, $"small-{i}"), PseudoRandom.Bytes(i * 500, (ulong)i), Test.Token);
        await File.WriteAllBytesAsync(Path.Combine(_backup.Tree, "large"), PseudoRandom.Bytes(1_500_000, 1), Test.Token);
        _first = await _backup.RunAsync();
        await File.WriteAllBytesAsync(Path.Combine(_backup.Tree, "large"), PseudoRandom.Bytes(1_500_000, 2), Test.Token);
        await _backup.RunAsync(_first);
        await EvidenceFile.WriteAsync(_backup.Storage, new Evidence { FormatVersion = 1, Action = "verify", Time = DateTimeOffset.UnixEpoch, Host = "h", Level = "data", Snapshots = [], Problems = [], ReadBytes = 1 }, Test.Token);
    }

    public ValueTask DisposeAsync()
    {
        _backup.Dispose();
        return default;
    }

    private async Task<IReadOnlyList<VerificationProblem>> VerifyAsync(bool data)
    {
        var verifier = new RepositoryVerifier(_backup.Repository, static _ => { });
        await verifier.CheckStructureAsync(Test.Token);
        if (data) await verifier.CheckDataAsync(null, Test.Token);
        return verifier.Problems;
    }

    private string[] Files(string folder) => [.. Directory.GetFiles(Path.Combine(_backup.Place, folder), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private string Relative(string file) => Path.GetRelativePath(_backup.Place, file);

    private string DataPack() => Files("packs").OrderByDescending(f => new FileInfo(f).Length).First();

    [Fact]
    public async Task A_repository_that_is_whole_has_no_problem()
    {
        var verifier = new RepositoryVerifier(_backup.Repository, static _ => { });
        (await verifier.CheckStructureAsync(Test.Token)).Should().HaveCount(2);
        await verifier.CheckDataAsync(null, Test.Token);
        verifier.Problems.Should().BeEmpty();
        verifier.ReadBytes.Should().Be(Files("packs").Sum(f => new FileInfo(f).Length)).And.Be(await verifier.CountDataAsync(null, Test.Token));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshots_that_need_a_damaged_pack_are_named_and_no_others(bool isMissing)
    {
        var verifier = new RepositoryVerifier(_backup.Repository, static _ => { });
        IReadOnlyList<StoredSnapshot> snapshots = await verifier.CheckStructureAsync(Test.Token);
        PackId[][] needed = [.. snapshots.Select(one => ChunkReference.Parse(one.Snapshot.Services[0].Archive.ChunkList).Select(id => verifier.Index.TryGet(id, out ChunkLocation at) ? at.Pack : default).ToArray())];
        PackId lost = needed[1].Except(needed[0]).First();
        string file = Path.Combine(_backup.Place, lost.FileName);
        if (isMissing) File.Delete(file);
        else await File.AppendAllTextAsync(file, "x", Test.Token);
        verifier = new RepositoryVerifier(_backup.Repository, static _ => { });
        snapshots = await verifier.CheckStructureAsync(Test.Token);
        (await AffectedSnapshots.FindAsync(_backup.Repository, verifier.Index, snapshots, verifier.Problems, Test.Token)).Should().OnlyContain(p => p.FileName.Contains(snapshots[1].Id.Hex)).And.NotBeEmpty();
    }

    [Theory]
    [InlineData("README.txt", false)]
    [InlineData("restore.sh", false)]
    [InlineData("repository.json", false)]
    [InlineData("SHA256SUMS", false)]
    [InlineData("index", false)]
    [InlineData("snapshots", false)]
    [InlineData("evidence", false)]
    [InlineData("packs", true)]
    public async Task A_flipped_bit_is_found_wherever_it_is_and_its_file_is_named(string kind, bool needsData)
    {
        string[] files = Directory.Exists(Path.Combine(_backup.Place, kind)) ? Files(kind) : [Path.Combine(_backup.Place, kind)];
        foreach (string file in files)
        {
            byte[] content = await File.ReadAllBytesAsync(file, Test.Token);
            foreach (int position in new[] { 0, content.Length / 3, content.Length - 1, content.Length - 12, content.Length - 30, content.Length - 55 }.Where(p => p >= 0).Distinct())
            {
                byte[] damaged = [.. content];
                damaged[position] ^= (byte)(1 << (position % 8));
                await File.WriteAllBytesAsync(file, damaged, Test.Token);
                (await VerifyAsync(needsData)).Should().Contain(p => p.FileName == Relative(file), $"bit {position % 8} of byte {position} of {content.Length} was flipped");
            }
            await File.WriteAllBytesAsync(file, content, Test.Token);
        }
        (await VerifyAsync(data: true)).Should().BeEmpty("all of it was put back");
    }

    [Theory]
    [InlineData("README.txt")]
    [InlineData("restore.sh")]
    [InlineData("repository.json")]
    [InlineData("SHA256SUMS")]
    [InlineData("index")]
    [InlineData("snapshots")]
    [InlineData("evidence")]
    [InlineData("packs")]
    public async Task A_file_that_is_too_short_or_too_long_is_found_without_reading_packs(string kind)
    {
        string file = kind == "packs" ? DataPack() : Directory.Exists(Path.Combine(_backup.Place, kind)) ? Files(kind)[0] : Path.Combine(_backup.Place, kind);
        byte[] content = await File.ReadAllBytesAsync(file, Test.Token);
        foreach (byte[] other in new[] { content[..^1], content[..^41], content[..(content.Length / 2)], [], [.. content, 0], [.. content, .. new byte[2 << 20]] })
        {
            await File.WriteAllBytesAsync(file, other, Test.Token);
            (await VerifyAsync(data: false)).Should().Contain(p => p.FileName == Relative(file), $"it has {other.Length} bytes instead of {content.Length}");
        }
    }

    [Theory]
    [InlineData("README.txt")]
    [InlineData("restore.sh")]
    [InlineData("repository.json")]
    [InlineData("SHA256SUMS")]
    [InlineData("packs")]
    public async Task A_missing_file_is_found_and_named(string kind)
    {
        string file = kind == "packs" ? DataPack() : Path.Combine(_backup.Place, kind);
        File.Delete(file);
        (await VerifyAsync(data: false)).Should().Contain(new VerificationProblem(Relative(file), "it is missing"));
    }

    [Fact]
    public async Task A_missing_index_is_found_and_can_be_made_again()
    {
        foreach (string file in Files("index")) File.Delete(file);
        (await VerifyAsync(data: false)).Should().Contain(p => p.FileName == "index/" && p.Problem.Contains("in no index file"));
        IndexRepairResult result = await IndexRepair.RunAsync(_backup.Repository, static () => { }, Test.Token);
        result.DamagedPacks.Should().BeEmpty();
        result.Packs.Should().Be(Files("packs").Length);
        (await VerifyAsync(data: true)).Should().BeEmpty();
        await _backup.ReopenAsync();
        _backup.MustRestoreTo((await _backup.RunAsync(_first)).Archive, _backup.Fingerprint());
    }

    [Theory]
    [InlineData("packs/00/note.txt")]
    [InlineData("packs/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.zst")]
    [InlineData("index/note.txt")]
    [InlineData("snapshots/note.json")]
    [InlineData("evidence/note.txt")]
    public async Task A_foreign_file_is_named(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_backup.Place, name))!);
        await File.WriteAllTextAsync(Path.Combine(_backup.Place, name), "mine", Test.Token);
        (await VerifyAsync(data: false)).Should().ContainSingle().Which.FileName.Should().Be(name);
    }

    [Fact]
    public async Task Packs_that_were_swapped_are_both_named()
    {
        string[] packs = Files("packs");
        File.Move(packs[0], packs[0] + "x");
        File.Move(packs[1], packs[0]);
        File.Move(packs[0] + "x", packs[1]);
        (await VerifyAsync(data: true)).Select(p => p.FileName).Should().Contain([Relative(packs[0]), Relative(packs[1])]);
    }

    [Fact]
    public async Task A_pack_that_no_index_names_is_read_all_the_same()
    {
        byte[] pack = await File.ReadAllBytesAsync(DataPack(), Test.Token);
        pack[100] ^= 1;
        string hex = Convert.ToHexStringLower(SHA256.HashData(pack)), name = $"packs/{hex[..2]}/{hex}.zst";
        await _backup.Storage.PutAsync(name, pack, Test.Token);
        (await VerifyAsync(data: true)).Should().ContainSingle(p => p.FileName == name).Which.Problem.Should().Contain("chunk");
    }

    [Fact]
    public async Task A_problem_in_one_file_hides_none_in_another()
    {
        foreach (string file in new[] { DataPack(), Files("index")[0], Files("snapshots")[0], Path.Combine(_backup.Place, "README.txt") })
        {
            byte[] content = await File.ReadAllBytesAsync(file, Test.Token);
            content[content.Length / 2] ^= 4;
            await File.WriteAllBytesAsync(file, content, Test.Token);
        }
        (await VerifyAsync(data: true)).Select(p => p.FileName).Should()
            .Contain([Relative(DataPack()), Relative(Files("index")[0]), Relative(Files("snapshots")[0]), "README.txt"]);
    }

    public static TheoryData<string> WrongLines => ["offset", "length", "size", "id", "pack"];

    [Theory]
    [MemberData(nameof(WrongLines))]
    public async Task An_index_that_is_whole_but_not_true_is_found_against_the_packs(string what)
    {
        // Bad memory while it was written: its digest is right, its contents are not.
        string file = Files("index").OrderByDescending(f => new FileInfo(f).Length).First();
        string[] lines = Tool.Shell($"zstd -dcq {file}").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string data = Path.GetFileNameWithoutExtension(DataPack());
        int at = Array.FindIndex(lines, line => line.Contains(data));
        string[] columns = lines[at].Split('\t');
        switch (what)
        {
            case "offset": columns[2] = "1"; break;
            case "length": columns[3] = (int.Parse(columns[3], System.Globalization.CultureInfo.InvariantCulture) - 1).ToString(System.Globalization.CultureInfo.InvariantCulture); break;
            case "size": columns[4] = "17"; break;
            case "id": columns[0] = new string('0', 64); break;
            default: columns[1] = Path.GetFileNameWithoutExtension(Files("packs").First(f => !f.Contains(data))); break;
        }
        lines[at] = string.Join('\t', columns);
        File.Delete(file);
        byte[] frame = Compression.FrameCodecTests.Make(Compression.FrameCodecTests.Maker.Native, Encoding.ASCII.GetBytes(string.Concat(lines.Select(l => l + "\n"))));
        await _backup.Storage.PutAsync($"index/{Convert.ToHexStringLower(SHA256.HashData(frame))}.tsv.zst", frame, Test.Token);
        (await VerifyAsync(data: true)).Should().NotBeEmpty();
    }

    [Fact]
    public async Task A_chunk_that_a_snapshot_names_and_no_pack_has_is_found_with_the_snapshot()
    {
        string pack = DataPack();
        File.Delete(pack);
        foreach (string file in Files("index")) File.Delete(file);
        await IndexRepair.RunAsync(_backup.Repository, static () => { }, Test.Token);
        (await VerifyAsync(data: false)).Should().Contain(p => p.FileName.StartsWith("snapshots/", StringComparison.Ordinal) && p.Problem.Contains("is in no pack"));
    }

    [Fact]
    public async Task The_parts_of_a_subset_are_all_packs_and_no_pack_is_in_two()
    {
        for (int i = 0; i < 40; i++)
        {
            string hex = Convert.ToHexStringLower(SHA256.HashData([(byte)i]));
            await _backup.Storage.PutAsync($"packs/{hex[..2]}/{hex}.zst", new byte[i + 1], Test.Token);
        }
        long all = Files("packs").Sum(f => new FileInfo(f).Length);
        foreach (int parts in new[] { 1, 2, 3, 7, 40 })
        {
            long sum = 0;
            var named = new List<string>();
            for (int part = 1; part <= parts; part++)
            {
                var verifier = new RepositoryVerifier(_backup.Repository, static _ => { });
                await verifier.CheckDataAsync(new PackSubset(part, parts), Test.Token);
                sum += await verifier.CountDataAsync(new PackSubset(part, parts), Test.Token);
                named.AddRange(verifier.Problems.Select(p => p.FileName));
            }
            sum.Should().Be(all);
            named.Should().HaveCount(40, "every empty pack is damaged, and found once").And.OnlyHaveUniqueItems();
        }
    }

    [Fact]
    public async Task Verification_can_be_cancelled()
    {
        using var cancel = new CancellationTokenSource();
        var verifier = new RepositoryVerifier(_backup.Repository, _ => cancel.Cancel());
        await FluentActions.Awaiting(() => verifier.CheckDataAsync(null, cancel.Token).WaitAsync(TimeSpan.FromSeconds(20), Test.Token)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Repairing_the_index_keeps_what_the_old_one_knows_of_a_pack_whose_table_is_damaged()
    {
        // The frames are whole: with the old index everything can be restored, and must be so after a repair, too.
        string file = DataPack();
        byte[] pack = await File.ReadAllBytesAsync(file, Test.Token);
        foreach (int fromEnd in new[] { 1, 12, 16, 40 })
        {
            byte[] damaged = [.. pack];
            damaged[^fromEnd] ^= 0x80;
            await File.WriteAllBytesAsync(file, damaged, Test.Token);
            IndexRepairResult result = await IndexRepair.RunAsync(_backup.Repository, static () => { }, Test.Token);
            result.DamagedPacks.Should().ContainSingle().Which.FileName.Should().Be(Relative(file));
            await _backup.ReopenWithoutOrphansAsync();
            _backup.MustRestoreTo((await _backup.RunAsync(_first)).Archive, _backup.Fingerprint());
        }
    }

    [Fact]
    public async Task Repairing_a_whole_index_changes_nothing_and_leaves_one_line_a_chunk()
    {
        ChunkIndex before = await _backup.Repository.LoadIndexAsync(Test.Token);
        IndexRepairResult first = await IndexRepair.RunAsync(_backup.Repository, static () => { }, Test.Token), second = await IndexRepair.RunAsync(_backup.Repository, static () => { }, Test.Token);
        first.Chunks.Should().Be(before.Count);
        first.RemovedFiles.Should().Be(2);
        second.RemovedFiles.Should().Be(0, "the same packs make the same index file");
        ChunkIndex after = await _backup.Repository.LoadIndexAsync(Test.Token);
        after.Count.Should().Be(before.Count);
        foreach (PackId pack in before.Packs)
        {
            long size = new FileInfo(Path.Combine(_backup.Place, pack.FileName)).Length;
            foreach (PackedChunk chunk in (await PackReader.ReadTableAsync(_backup.Storage, pack, size, Test.Token)).Chunks)
            {
                before.TryGet(chunk.Id, out ChunkLocation then).Should().BeTrue();
                after.TryGet(chunk.Id, out ChunkLocation now).Should().BeTrue();
                now.Should().Be(then);
            }
        }
    }

    [Fact]
    public async Task An_interrupted_repair_leaves_an_index_that_still_knows_everything()
    {
        // Both the old and the new files are there: every pack twice.
        var storage = new WatchedStorage(_backup.Storage) { Before = static what => what.StartsWith("delete index/", StringComparison.Ordinal) ? throw new IOException("killed") : Task.CompletedTask };
        Repository interrupted = await Repository.OpenAsync(storage, Test.Token);
        await FluentActions.Awaiting(() => IndexRepair.RunAsync(interrupted, static () => { }, Test.Token)).Should().ThrowAsync<IOException>();
        Files("index").Should().HaveCount(3);
        (await VerifyAsync(data: true)).Should().BeEmpty();
    }

    [Fact]
    public async Task Chunks_are_checked_against_ids_even_in_packs_whose_name_is_right()
    {
        byte[] frame = Compression.FrameCodecTests.Make(Compression.FrameCodecTests.Maker.Native, "content"u8.ToArray());
        byte[] pack = [.. frame, .. PackTable.Write(PackKind.Data, [new PackedChunk(new ChunkHasher().Compute("another"u8), 0, frame.Length, 7)])];
        string hex = Convert.ToHexStringLower(SHA256.HashData(pack));
        await _backup.Storage.PutAsync($"packs/{hex[..2]}/{hex}.zst", pack, Test.Token);
        (await VerifyAsync(data: true)).Should().ContainSingle().Which.Problem.Should().Contain("not what its id says");
    }
}
