using System.Diagnostics;
using System.Text.Json.Nodes;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.Services.Sources;
using BackupTool.Tests.TestSupport;
using TemporaryDirectory = BackupTool.Tests.TestSupport.TemporaryDirectory;

namespace BackupTool.Tests.Repositories.Locking;

public sealed class RepositoryLockTests : IDisposable
{
    private const string Writer = "locks/writer.json";

    private readonly TemporaryDirectory _there = new();

    private LocalStorage Storage => new(_there.Path);

    public void Dispose() => _there.Dispose();

    private ValueTask<RepositoryLock> AcquireAsync(
        LockMode mode, double waitSeconds = 0, TimeProvider? time = null, Action<string>? onWaiting = null, IStorage? storage = null, CancellationToken? cancellationToken = null) =>
        RepositoryLock.AcquireAsync(storage ?? Storage, mode, "now", TimeSpan.FromSeconds(waitSeconds), time ?? TimeProvider.System, onWaiting, cancellationToken ?? Test.Token);

    private async Task<RepositoryLockedException> MustBeRefusedAsync(LockMode mode, double waitSeconds = 0, TimeProvider? time = null, IStorage? storage = null) =>
        (await FluentActions.Awaiting(async () => await AcquireAsync(mode, waitSeconds, time, null, storage)).Should().ThrowAsync<RepositoryLockedException>()).Which;

    private string[] Files => [.. Directory.GetFiles(_there.Text, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(_there.Text, f)).Order()];

    [Fact]
    public async Task A_lock_that_was_let_go_leaves_nothing()
    {
        foreach (LockMode mode in Enum.GetValues<LockMode>())
        {
            await using (await AcquireAsync(mode)) Files.Should().ContainSingle().Which.Should().StartWith("locks/");
            Files.Should().BeEmpty();
        }
    }

    [Theory]
    [InlineData(LockMode.Read, LockMode.Read, true)]
    [InlineData(LockMode.Read, LockMode.Write, true)]
    [InlineData(LockMode.Read, LockMode.Exclusive, false)]
    [InlineData(LockMode.Write, LockMode.Read, true)]
    [InlineData(LockMode.Write, LockMode.Write, false)]
    [InlineData(LockMode.Write, LockMode.Exclusive, false)]
    [InlineData(LockMode.Exclusive, LockMode.Read, false)]
    [InlineData(LockMode.Exclusive, LockMode.Write, false)]
    [InlineData(LockMode.Exclusive, LockMode.Exclusive, false)]
    public async Task Who_may_work_beside_whom(LockMode first, LockMode second, bool together)
    {
        await using (await AcquireAsync(first))
        {
            string[] before = Files;
            if (together) await (await AcquireAsync(second)).DisposeAsync();
            else await MustBeRefusedAsync(second);
            Files.Should().Equal(before, "who was refused leaves nothing");
        }
        await (await AcquireAsync(second)).DisposeAsync();
    }

    [Fact]
    public async Task The_second_writer_waits_for_the_first_and_says_for_whom()
    {
        var told = new List<string>();
        RepositoryLock first = await AcquireAsync(LockMode.Write);
        Task<RepositoryLock> second = AcquireAsync(LockMode.Write, 30, onWaiting: told.Add).AsTask();
        await Task.Delay(500, Test.Token);
        second.IsCompleted.Should().BeFalse();
        await first.DisposeAsync();
        await (await second).DisposeAsync();
        told.Should().ContainSingle().Which.Should().Contain("'backup now'").And.Contain($"process {Environment.ProcessId} on {Environment.MachineName}");
    }

    [Fact]
    public async Task The_second_writer_gives_up_when_its_time_is_over()
    {
        await using RepositoryLock first = await AcquireAsync(LockMode.Write);
        var waited = Stopwatch.StartNew();
        RepositoryLockedException refused = await MustBeRefusedAsync(LockMode.Write, 0.5);
        waited.Elapsed.TotalSeconds.Should().BeInRange(0.45, 10);
        refused.Message.Should().Contain(_there.Text).And.Contain("'backup now'");
        refused.Hint.Should().NotBeEmpty();
    }

    [Fact]
    public async Task Waiting_can_be_cancelled()
    {
        await using RepositoryLock first = await AcquireAsync(LockMode.Write);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Test.Token);
        Task<RepositoryLock> second = AcquireAsync(LockMode.Write, 60, cancellationToken: cancel.Token).AsTask();
        cancel.CancelAfter(100);
        await FluentActions.Awaiting(() => second).Should().ThrowAsync<OperationCanceledException>();
        Files.Should().ContainSingle();
    }

    [Fact]
    public async Task A_lock_of_another_living_process_is_respected_and_taken_over_when_that_is_killed()
    {
        using (ChildProcess holder = ChildProcess.Start("HoldLock", _there.Text))
        {
            (await MustBeRefusedAsync(LockMode.Write)).Message.Should().Contain($"process {holder.Id} ");
            holder.Kill();
        }
        await (await AcquireAsync(LockMode.Write)).DisposeAsync();
        Files.Should().BeEmpty();
    }

    public static TheoryData<string, string> Deaths => new()
    {
        { "processId", "dead" },
        { "processStart", "1" },
        { "boot", "another boot" },
    };

    [Theory]
    [MemberData(nameof(Deaths))]
    public async Task A_lock_whose_process_is_gone_is_taken_over_at_once(string member, string value)
    {
        foreach (LockMode mode in Enum.GetValues<LockMode>())
        {
            await LeaveAsync(Writer, lockFile => lockFile[member] = value switch { "dead" => DeadProcessId(), "1" => 1, _ => value });
            await (await AcquireAsync(mode)).DisposeAsync();
            if (mode != LockMode.Read) Files.Should().BeEmpty();
        }
    }

    [Fact]
    public async Task A_reader_whose_process_is_gone_does_not_keep_others_out()
    {
        await LeaveAsync("locks/reader-0123456789abcdef0123456789abcdef.json", lockFile => (lockFile["mode"], lockFile["processId"]) = ("Read", DeadProcessId()));
        await (await AcquireAsync(LockMode.Exclusive)).DisposeAsync();
        Files.Should().BeEmpty();
    }

    [Fact]
    public async Task A_zombie_holds_nothing()
    {
        // A shell that never waits for its child: the child is dead and cannot be buried.
        using var parent = Process.Start(new ProcessStartInfo("sh", ["-c", "sleep 0.3 & echo $!; exec cat"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            int zombie = int.Parse(parent.StandardOutput.ReadLine()!, System.Globalization.CultureInfo.InvariantCulture);
            string stat;
            do stat = await File.ReadAllTextAsync($"/proc/{zombie}/stat", Test.Token);
            while (!stat.Contains(") Z "));
            await LeaveAsync(Writer, lockFile => (lockFile["processId"], lockFile["processStart"]) = (zombie, long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19], System.Globalization.CultureInfo.InvariantCulture)));
            await (await AcquireAsync(LockMode.Write)).DisposeAsync();
        }
        finally
        {
            parent.StandardInput.Close();
            await parent.WaitForExitAsync(Test.Token);
        }
    }

    [Theory]
    [InlineData("host", "another-machine")]
    [InlineData("machine", "0123456789abcdef")]
    [InlineData("processNamespace", "pid:[1]")]
    public async Task A_lock_whose_process_cannot_be_asked_counts_for_two_days(string member, string value)
    {
        var time = new SettableTime(new DateTimeOffset(2026, 11, 23, 3, 0, 0, TimeSpan.FromHours(1)));
        await LeaveAsync(Writer, lockFile => (lockFile[member], lockFile["processId"]) = (value, DeadProcessId()), time);
        time.Now += RepositoryLock.ForeignLifetime - TimeSpan.FromSeconds(1);
        (await MustBeRefusedAsync(LockMode.Write, time: time)).Message.Should().Contain("'backup now'");
        time.Now += TimeSpan.FromSeconds(1);
        await (await AcquireAsync(LockMode.Write, time: time)).DisposeAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{ \"mode\": \"Write\", \"something\": \"of a newer version\" }")]
    public async Task A_lock_that_cannot_be_read_is_respected_and_named(string content)
    {
        Directory.CreateDirectory(_there.Below("locks"));
        await File.WriteAllTextAsync(_there.Below(Writer), content, Test.Token);
        (await MustBeRefusedAsync(LockMode.Write)).Message.Should().Contain(Writer);
    }

    [Fact]
    public async Task A_lock_that_vanishes_just_when_it_is_looked_at_is_free()
    {
        await LeaveAsync(Writer, _ => { });
        bool removed = false;
        var storage = new WatchedStorage(Storage);
        storage.Before = async what =>
        {
            if (what != $"read {Writer}" || removed) return;
            removed = true;
            await Storage.DeleteAsync(Writer, Test.Token);
        };
        await (await AcquireAsync(LockMode.Write, storage: storage)).DisposeAsync();
        removed.Should().BeTrue();
    }

    [Fact]
    public async Task A_lock_that_was_taken_over_is_not_removed_by_its_former_holder()
    {
        RepositoryLock former = await AcquireAsync(LockMode.Write);
        await Storage.DeleteAsync(Writer, Test.Token);
        await using RepositoryLock holder = await AcquireAsync(LockMode.Write, time: new SettableTime(DateTimeOffset.UnixEpoch));
        await former.DisposeAsync();
        await MustBeRefusedAsync(LockMode.Write);
    }

    [Fact]
    public async Task Of_eight_who_find_a_dead_lock_one_at_a_time_gets_it()
    {
        for (int round = 0; round < 6; round++)
        {
            await LeaveAsync(Writer, lockFile => lockFile["processId"] = DeadProcessId());
            int holders = 0;
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(
                async () =>
                {
                    await using RepositoryLock held = await AcquireAsync(LockMode.Write, 60);
                    Interlocked.Increment(ref holders).Should().Be(1);
                    await Task.Delay(2, Test.Token);
                    Interlocked.Decrement(ref holders).Should().Be(0);
                },
                Test.Token)));
            Files.Should().BeEmpty();
        }
    }

    [Fact]
    public async Task Of_eight_processes_that_find_a_dead_lock_one_at_a_time_gets_it()
    {
        await LeaveAsync(Writer, lockFile => lockFile["processId"] = DeadProcessId());
        ChildProcess[] processes = [.. Enumerable.Range(0, 8).Select(_ => ChildProcess.Start(nameof(LockJobs.Race), _there.Text, _there.Below("alone")))];
        try
        {
            foreach (ChildProcess process in processes) process.WriteLine("go");
            foreach (ChildProcess process in processes) process.Finish().Should().Contain("was alone four times");
        }
        finally
        {
            foreach (ChildProcess process in processes) process.Dispose();
        }
        Files.Should().BeEmpty();
    }

    [Fact]
    public async Task Who_is_held_up_while_removing_a_dead_lock_never_removes_the_next_one()
    {
        await LeaveAsync(Writer, lockFile => lockFile["processId"] = DeadProcessId());
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var storage = new WatchedStorage(Storage);
        storage.Before = async what =>
        {
            if (what != $"delete {Writer}") return;
            stopped.TrySetResult();
            await goOn.Task;
        };
        Task<RepositoryLock> slow = AcquireAsync(LockMode.Write, 60, storage: storage).AsTask();
        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(20), Test.Token);
        // However long it takes: while the slow one lives, the dead lock is its to remove, and nobody else gets in.
        await MustBeRefusedAsync(LockMode.Write, 3);
        goOn.SetResult();
        await using RepositoryLock held = await slow;
        await MustBeRefusedAsync(LockMode.Write);
    }

    [Fact]
    public async Task Who_looked_at_a_dead_lock_long_ago_does_not_remove_the_next_one()
    {
        await LeaveAsync(Writer, lockFile => lockFile["processId"] = DeadProcessId());
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var storage = new WatchedStorage(Storage);
        storage.Before = async what =>
        {
            if (!what.StartsWith("create locks/takeover-", StringComparison.Ordinal)) return;
            stopped.TrySetResult();
            await goOn.Task;
        };
        Task<RepositoryLock> slow = AcquireAsync(LockMode.Write, 60, storage: storage).AsTask();
        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(20), Test.Token);
        RepositoryLock fast = await AcquireAsync(LockMode.Write);
        goOn.SetResult();
        await Task.Delay(500, Test.Token);
        slow.IsCompleted.Should().BeFalse();
        await MustBeRefusedAsync(LockMode.Write);
        await fast.DisposeAsync();
        await (await slow).DisposeAsync();
        Files.Should().BeEmpty();
    }

    [Fact]
    public async Task Who_is_killed_while_removing_a_dead_lock_is_survived()
    {
        await LeaveAsync(Writer, lockFile => lockFile["processId"] = DeadProcessId());
        string right = $"locks/takeover-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(_there.Below(Writer), Test.Token)))}.json";
        await LeaveAsync(right, lockFile => lockFile["processId"] = DeadProcessId());
        string rightToThat = $"locks/takeover-{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(_there.Below(right), Test.Token)))}.json";
        await LeaveAsync(rightToThat, lockFile => (lockFile["processId"], lockFile["processStart"]) = (DeadProcessId(), 2));
        await (await AcquireAsync(LockMode.Write, 10)).DisposeAsync();
        Files.Should().BeEmpty("what the killed ones left is cleaned up, too");
    }

    /// <summary>Leaves a lock as a run would, with some members changed.</summary>
    private async Task LeaveAsync(string name, Action<JsonObject> change, TimeProvider? time = null)
    {
        string elsewhere = _there.Make("elsewhere");
        RepositoryLock held = await AcquireAsync(LockMode.Write, time: time, storage: new LocalStorage(BackupTool.Posix.BytePath.From(elsewhere)));
        JsonObject content = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(elsewhere, Writer), Test.Token))!.AsObject();
        await held.DisposeAsync();
        Directory.Delete(elsewhere, recursive: true);
        change(content);
        Directory.CreateDirectory(_there.Below("locks"));
        await File.WriteAllTextAsync(_there.Below(name), content.ToJsonString(), Test.Token);
    }

    private static int DeadProcessId()
    {
        using var process = Process.Start("true");
        process.WaitForExit();
        return process.Id;
    }
}
