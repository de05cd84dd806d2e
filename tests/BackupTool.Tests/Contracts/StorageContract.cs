using BackupTool.Repositories.Storage;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Contracts;

/// <summary>What every storage promises, whatever it is made of. Each implementation runs all of it.</summary>
public abstract class StorageContract : IDisposable
{
    private const string Pack = "packs/ab/ab00.zst";

    /// <summary>An empty place; every call gives a new view on the same one, as another process would have it.</summary>
    protected abstract IStorage Open();

    /// <summary>Names of everything at the place that is neither committed nor a folder.</summary>
    protected abstract IReadOnlyList<string> Leftovers();

    public abstract void Dispose();

    [Fact]
    public async Task Gives_back_what_was_put()
    {
        IStorage storage = Open();
        await storage.PutAsync("repository.json", "one"u8.ToArray(), Test.Token);
        await storage.PutAsync("snapshots/00.json", Array.Empty<byte>(), Test.Token);
        (await Open().ReadAllAsync("repository.json", 100, Test.Token)).Should().Equal("one"u8.ToArray());
        (await Open().ReadAllAsync("snapshots/00.json", 100, Test.Token)).Should().BeEmpty();
        (await Open().GetSizeAsync("repository.json", Test.Token)).Should().Be(3);
        (await Open().GetSizeAsync("snapshots/00.json", Test.Token)).Should().Be(0);
    }

    [Fact]
    public async Task Putting_replaces_the_whole_file()
    {
        IStorage storage = Open();
        await storage.PutAsync("index/a.tsv.zst", new byte[1000], Test.Token);
        await storage.PutAsync("index/a.tsv.zst", "short"u8.ToArray(), Test.Token);
        (await Open().ReadAllAsync("index/a.tsv.zst", 1000, Test.Token)).Should().Equal("short"u8.ToArray());
    }

    [Fact]
    public async Task Reads_any_range_of_a_file()
    {
        byte[] content = RandomBytes(300_000);
        await Open().PutAsync(Pack, content, Test.Token);
        foreach ((int offset, int length) in new[] { (0, 300_000), (0, 1), (299_999, 1), (131_071, 2), (65_536, 100_000), (300_000, 0), (0, 0) })
        {
            byte[] part = new byte[length];
            await Open().ReadAsync(Pack, offset, part, Test.Token);
            part.AsSpan().SequenceEqual(content.AsSpan(offset, length)).Should().BeTrue($"{length} bytes at {offset}");
        }
    }

    [Fact]
    public async Task Serves_many_readers_at_once()
    {
        byte[] content = RandomBytes(200_000);
        IStorage storage = Open();
        await storage.PutAsync(Pack, content, Test.Token);
        await Parallel.ForAsync(0, 200, async (i, cancelled) =>
        {
            byte[] part = new byte[500];
            await storage.ReadAsync(Pack, i * 997, part, cancelled);
            part.AsSpan().SequenceEqual(content.AsSpan(i * 997, 500)).Should().BeTrue();
        });
    }

    [Fact]
    public async Task A_file_that_ends_too_early_is_said_to_end()
    {
        await Open().PutAsync(Pack, new byte[10], Test.Token);
        foreach (long offset in new[] { 0L, 9, 10, 11, 1L << 40 })
            await Awaiting(async () => await Open().ReadAsync(Pack, offset, new byte[11], Test.Token)).Should().ThrowAsync<EndOfStreamException>($"nothing is at {offset}");
    }

    [Fact]
    public async Task A_file_larger_than_expected_is_not_read()
    {
        await Open().PutAsync("repository.json", new byte[101], Test.Token);
        await Awaiting(async () => await Open().ReadAllAsync("repository.json", 100, Test.Token)).Should().ThrowAsync<InvalidDataException>();
        (await Open().ReadAllAsync("repository.json", 101, Test.Token)).Should().HaveCount(101);
    }

    [Fact]
    public async Task A_missing_file_is_said_to_be_missing()
    {
        IStorage storage = Open();
        await Awaiting(async () => await storage.ReadAllAsync("repository.json", 100, Test.Token)).Should().ThrowAsync<FileNotFoundException>();
        await Awaiting(async () => await storage.ReadAsync(Pack, 0, new byte[1], Test.Token)).Should().ThrowAsync<FileNotFoundException>();
        (await storage.GetSizeAsync(Pack, Test.Token)).Should().BeNull();
        (await storage.ListAsync("packs/", Test.Token)).Should().BeEmpty();
        await storage.DeleteAsync(Pack, Test.Token);
    }

    [Fact]
    public async Task A_folder_is_no_file()
    {
        await Open().PutAsync(Pack, new byte[1], Test.Token);
        (await Open().GetSizeAsync("packs/ab", Test.Token)).Should().BeNull();
        (await Open().GetSizeAsync("packs", Test.Token)).Should().BeNull();
    }

    [Fact]
    public async Task Lists_a_folder_with_everything_below_it_in_order_of_the_names()
    {
        IStorage storage = Open();
        string[] names = ["packs/ff/1", "packs/00/2", "packs/00/10", "packs/a-b", "packs/a/z", "packs/a.b", "packs/0"];
        foreach (string name in names) await storage.PutAsync(name, new byte[name.Length], Test.Token);
        await storage.PutAsync("packsx/1", new byte[1], Test.Token);
        await storage.PutAsync("index/1", new byte[1], Test.Token);
        IReadOnlyList<StoredFile> listed = await Open().ListAsync("packs/", Test.Token);
        listed.Should().Equal(names.Order(StringComparer.Ordinal).Select(name => new StoredFile(name, name.Length)));
        (await Open().ListAsync("packs", Test.Token)).Should().Equal(listed, "the slash at the end is for people");
    }

    [Fact]
    public async Task Deletes_a_file()
    {
        IStorage storage = Open();
        await storage.PutAsync(Pack, new byte[1], Test.Token);
        await storage.DeleteAsync(Pack, Test.Token);
        (await Open().GetSizeAsync(Pack, Test.Token)).Should().BeNull();
        (await Open().ListAsync("packs/", Test.Token)).Should().BeEmpty();
    }

    [Fact]
    public async Task Creates_a_file_only_where_there_is_none()
    {
        (await Open().TryCreateAsync("locks/writer.json", "first"u8.ToArray(), Test.Token)).Should().BeTrue();
        (await Open().TryCreateAsync("locks/writer.json", "second"u8.ToArray(), Test.Token)).Should().BeFalse();
        (await Open().ReadAllAsync("locks/writer.json", 100, Test.Token)).Should().Equal("first"u8.ToArray());
        Leftovers().Should().BeEmpty();
        await Open().DeleteAsync("locks/writer.json", Test.Token);
        (await Open().TryCreateAsync("locks/writer.json", "third"u8.ToArray(), Test.Token)).Should().BeTrue();
    }

    [Fact]
    public async Task Of_eight_who_create_the_same_file_one_wins_and_the_file_is_his()
    {
        for (int round = 0; round < 30; round++)
        {
            string name = $"locks/{round}.json";
            bool[] won = new bool[8];
            using var start = new Barrier(8);
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Factory.StartNew(async () =>
            {
                IStorage storage = Open();
                start.SignalAndWait();
                won[i] = await storage.TryCreateAsync(name, new[] { (byte)i, (byte)i }, Test.Token);
            }, Test.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
            won.Count(w => w).Should().Be(1);
            byte winner = (byte)Array.IndexOf(won, true);
            (await Open().ReadAllAsync(name, 100, Test.Token)).Should().Equal([winner, winner]);
        }
        Leftovers().Should().BeEmpty();
    }

    [Fact]
    public async Task An_upload_is_seen_only_when_it_is_committed_and_then_whole()
    {
        byte[] content = RandomBytes(20 << 20);
        await using (IStorageUpload upload = await Open().BeginUploadAsync(Test.Token))
        {
            for (int at = 0; at < content.Length; at += 1_000_003) await upload.AppendAsync(content.AsMemory(at, Math.Min(1_000_003, content.Length - at)), Test.Token);
            (await Open().ListAsync("packs/", Test.Token)).Should().BeEmpty();
            (await Open().GetSizeAsync(Pack, Test.Token)).Should().BeNull();
            await upload.CommitAsync(Pack, Test.Token);
            (await Open().ReadAllAsync(Pack, content.Length, Test.Token)).AsSpan().SequenceEqual(content).Should().BeTrue();
        }
        (await Open().GetSizeAsync(Pack, Test.Token)).Should().Be(content.Length, "disposing after the commit takes nothing back");
        Leftovers().Should().BeEmpty();
    }

    [Fact]
    public async Task The_memory_of_an_upload_may_be_reused_at_once()
    {
        byte[] buffer = [1, 2, 3];
        await using IStorageUpload upload = await Open().BeginUploadAsync(Test.Token);
        await upload.AppendAsync(buffer, Test.Token);
        buffer.AsSpan().Fill(9);
        await upload.AppendAsync(buffer, Test.Token);
        await upload.CommitAsync(Pack, Test.Token);
        (await Open().ReadAllAsync(Pack, 100, Test.Token)).Should().Equal(1, 2, 3, 9, 9, 9);
    }

    [Fact]
    public async Task An_upload_that_is_given_up_leaves_nothing()
    {
        await using (IStorageUpload upload = await Open().BeginUploadAsync(Test.Token)) await upload.AppendAsync(new byte[1000], Test.Token);
        await using (await Open().BeginUploadAsync(Test.Token)) { }
        Leftovers().Should().BeEmpty();
        (await Open().ListAsync("packs/", Test.Token)).Should().BeEmpty();
    }

    [Fact]
    public async Task What_is_cancelled_leaves_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Awaiting(async () => await Open().PutAsync(Pack, new byte[1], cancelled.Token)).Should().ThrowAsync<OperationCanceledException>();
        await using (IStorageUpload upload = await Open().BeginUploadAsync(Test.Token))
        {
            await upload.AppendAsync(new byte[1], Test.Token);
            await Awaiting(async () => await upload.CommitAsync(Pack, cancelled.Token)).Should().ThrowAsync<OperationCanceledException>();
        }
        (await Open().GetSizeAsync(Pack, Test.Token)).Should().BeNull();
        Leftovers().Should().BeEmpty();
    }

    [Fact]
    public async Task Uploads_run_side_by_side()
    {
        IStorage storage = Open();
        await Parallel.ForAsync(0, 40, async (i, cancelled) =>
        {
            await using IStorageUpload upload = await storage.BeginUploadAsync(cancelled);
            for (int part = 0; part < 5; part++) await upload.AppendAsync(new[] { (byte)i }, cancelled);
            await upload.CommitAsync($"packs/{i % 4}/{i}", cancelled);
        });
        IReadOnlyList<StoredFile> listed = await Open().ListAsync("packs/", Test.Token);
        listed.Should().HaveCount(40).And.OnlyContain(file => file.Bytes == 5);
        foreach (StoredFile file in listed)
            (await storage.ReadAllAsync(file.Name, 5, Test.Token)).Should().AllBeEquivalentTo(byte.Parse(file.Name.Split('/')[2], System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task Removing_stale_uploads_spares_those_that_go_on()
    {
        IStorage storage = Open();
        await using IStorageUpload upload = await storage.BeginUploadAsync(Test.Token);
        await upload.AppendAsync(new byte[5], Test.Token);
        (await Open().RemoveStaleUploadsAsync(Test.Token)).Should().Be(0);
        await upload.CommitAsync(Pack, Test.Token);
        (await Open().GetSizeAsync(Pack, Test.Token)).Should().Be(5);
    }

    [Fact]
    public async Task Uploads_that_begin_while_stale_ones_are_removed_succeed()
    {
        using var enough = new CancellationTokenSource();
        Task removing = Task.Run(
            async () =>
            {
                while (!enough.IsCancellationRequested) await Open().RemoveStaleUploadsAsync(Test.Token);
            },
            Test.Token);
        await Parallel.ForAsync(0, 1500, new ParallelOptions { MaxDegreeOfParallelism = 4 },
            async (i, cancelled) => await Open().PutAsync($"packs/{i % 7}/{i}", new byte[] { 1 }, cancelled));
        await enough.CancelAsync();
        await removing;
        (await Open().ListAsync("packs/", Test.Token)).Should().HaveCount(1500);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("/etc/passwd")]
    [InlineData("../outside")]
    [InlineData("packs/../../outside")]
    [InlineData("packs/..")]
    [InlineData("packs//a")]
    [InlineData("packs/")]
    [InlineData("packs/.hidden")]
    [InlineData("packs/a/b/c")]
    [InlineData("packs/A")]
    [InlineData("packs/a b")]
    [InlineData("packs/a\0b")]
    [InlineData("packs/a\nb")]
    [InlineData("packs\\a")]
    [InlineData("packs/é")]
    public async Task Refuses_names_that_no_file_of_a_repository_has(string name)
    {
        IStorage storage = Open();
        await Awaiting(async () => await storage.PutAsync(name, new byte[1], Test.Token)).Should().ThrowAsync<ArgumentException>();
        await Awaiting(async () => await storage.TryCreateAsync(name, new byte[1], Test.Token)).Should().ThrowAsync<ArgumentException>();
        await Awaiting(async () => await storage.ReadAllAsync(name, 1, Test.Token)).Should().ThrowAsync<ArgumentException>();
        await Awaiting(async () => await storage.ReadAsync(name, 0, new byte[1], Test.Token)).Should().ThrowAsync<ArgumentException>();
        await Awaiting(async () => await storage.GetSizeAsync(name, Test.Token)).Should().ThrowAsync<ArgumentException>();
        await Awaiting(async () => await storage.DeleteAsync(name, Test.Token)).Should().ThrowAsync<ArgumentException>();
        await using (IStorageUpload upload = await storage.BeginUploadAsync(Test.Token))
            await Awaiting(async () => await upload.CommitAsync(name, Test.Token)).Should().ThrowAsync<ArgumentException>();
        if (name != "packs/") await Awaiting(async () => await storage.ListAsync(name, Test.Token)).Should().ThrowAsync<ArgumentException>();
        Leftovers().Should().BeEmpty();
    }

    protected static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }

    private static Func<Task> Awaiting(Func<Task> action) => action;
}
