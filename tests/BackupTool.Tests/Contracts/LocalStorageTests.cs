using System.Diagnostics;
using BackupTool.Posix;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Contracts;

/// <summary>The contract, in a directory; and what is a directory's own.</summary>
public sealed class LocalStorageTests : StorageContract
{
    private readonly TemporaryDirectory _there = new();

    protected override IStorage Open() => new LocalStorage(Root);

    protected override IReadOnlyList<string> Leftovers() => Directory.Exists(Tmp) ? Directory.GetFiles(Tmp) : [];

    public override void Dispose() => _there.Dispose();

    private BytePath Root => _there.Path.Combine("deep/repository");

    private string Tmp => _there.Below("deep/repository/tmp");

    [Fact]
    public async Task What_a_dead_process_was_writing_is_removed_and_what_a_living_one_writes_stays()
    {
        await Open().PutAsync("repository.json", new byte[1], Test.Token);
        string dead = Path.Combine(Tmp, "1-1-dead"), alive = Path.Combine(Tmp, "1-1-alive");
        File.WriteAllText(dead, "half a pack");
        File.WriteAllText(alive, "half a pack");
        using var holder = Process.Start(new ProcessStartInfo("flock", ["-x", alive, "sh", "-c", "echo locked; exec cat"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            holder.StandardOutput.ReadLine().Should().Be("locked");
            (await Open().RemoveStaleUploadsAsync(Test.Token)).Should().Be(1);
            Directory.GetFiles(Tmp).Should().Equal(alive);
        }
        finally
        {
            holder.StandardInput.Close();
            holder.WaitForExit();
        }
        (await Open().RemoveStaleUploadsAsync(Test.Token)).Should().Be(1, "its process has ended");
        Directory.GetFiles(Tmp).Should().BeEmpty();
    }

    [Fact]
    public async Task Files_and_folders_are_the_owner_s_only()
    {
        await Open().PutAsync("packs/ab/1", new byte[1], Test.Token);
        File.GetUnixFileMode(_there.Below("deep/repository")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(_there.Below("deep/repository/packs/ab")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(_there.Below("deep/repository/packs/ab/1")).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task Passes_over_names_that_are_not_a_repository_s()
    {
        await Open().PutAsync("packs/ab/1", new byte[1], Test.Token);
        File.WriteAllText(_there.Below("deep/repository/packs/ab/.nfs0001"), "");
        File.WriteAllText(_there.Below("deep/repository/packs/Thumbs.db"), "");
        Directory.CreateDirectory(_there.Below("deep/repository/packs/.snapshot"));
        File.CreateSymbolicLink(_there.Below("deep/repository/packs/ab/2"), "1");
        (await Open().ListAsync("packs/", Test.Token)).Should().Equal(new StoredFile("packs/ab/1", 1));
    }

    [Fact]
    public async Task Does_not_follow_a_symbolic_link_in_the_place_of_a_file()
    {
        await Open().PutAsync("packs/ab/1", new byte[1], Test.Token);
        File.WriteAllText(_there.Below("secret"), "s");
        File.CreateSymbolicLink(_there.Below("deep/repository/packs/ab/2"), _there.Below("secret"));
        await FluentActions.Awaiting(async () => await Open().ReadAllAsync("packs/ab/2", 100, Test.Token)).Should().ThrowAsync<IOException>();
    }

    [Fact]
    public async Task Makes_the_directory_of_a_repository_that_was_named_relatively()
    {
        string relative = $"backup-test-{Guid.NewGuid():N}";
        try
        {
            await new LocalStorage(BytePath.From(relative)).PutAsync("repository.json", new byte[1], Test.Token);
            File.Exists(Path.Combine(relative, "repository.json")).Should().BeTrue();
        }
        finally
        {
            if (Directory.Exists(relative)) Directory.Delete(relative, recursive: true);
        }
    }

    [Fact]
    public async Task A_disk_that_is_full_is_said_to_be_full_and_nothing_is_left()
    {
        // 1 MiB of memory as a disk of its own: needs root, as the tests have on CI.
        string disk = _there.Make("disk");
        Tool.Run("mount", "-t", "tmpfs", "-o", "size=1m", "none", disk);
        try
        {
            var storage = new LocalStorage(BytePath.From(disk));
            (await FluentActions.Awaiting(async () => await storage.PutAsync("packs/ab/1", new byte[2 << 20], Test.Token)).Should().ThrowAsync<PosixException>())
                .Which.IsOutOfSpace.Should().BeTrue();
            Directory.GetFiles(disk, "*", SearchOption.AllDirectories).Should().BeEmpty();
            await storage.PutAsync("packs/ab/1", new byte[1000], Test.Token);
        }
        finally
        {
            Tool.Run("umount", disk);
        }
    }
}
