using System.Text.Json;
using BackupTool.Operations.Notifications;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>Who is told what, what is kept of what nobody could be told, and that no backup fails for it.</summary>
public sealed class NotifierTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Tells_each_channel_only_what_it_wants_to_know()
    {
        await using var listener = new Listener();
        Notifier notifier = listener.Notifier(
            listener.Webhook($"{listener.Url}/failures") with { On = [NotifyKind.Failure] },
            listener.Webhook($"{listener.Url}/weekly") with { Schedules = ["weekly"] },
            listener.Webhook($"{listener.Url}/all"));
        foreach (NotifyKind kind in (NotifyKind[])[NotifyKind.Success, NotifyKind.Failure]) (await notifier.SendAsync(Listener.Event(kind), Test.Token)).Should().BeEmpty();
        await notifier.SendAsync(Listener.Event(NotifyKind.Stale, schedule: null), Test.Token);
        listener.Requests.Select(static request => request.RawPath).Order().Should().Equal("/all", "/all", "/all", "/failures");
        await notifier.SendAsync(Listener.Event(NotifyKind.Test), Test.Token);
        listener.Requests.Should().HaveCount(7, "a trial goes to everybody");
    }

    [Fact]
    public async Task The_end_of_a_staleness_is_no_success_for_a_ping_that_knows_of_runs_only()
    {
        await using var listener = new Listener();
        NotifyEvent over = Listener.Event(NotifyKind.Recovery, schedule: null);
        await listener.Notifier(listener.Ping() with { On = [NotifyKind.Recovery, NotifyKind.Success] }).SendAsync(over, Test.Token);
        listener.Requests.Should().BeEmpty();
        await listener.Notifier(listener.Ping() with { On = [NotifyKind.Recovery, NotifyKind.Stale] }).SendAsync(over, Test.Token);
        listener.Requests.Should().ContainSingle();
    }

    [Fact]
    public async Task One_channel_that_hangs_does_not_keep_another_waiting()
    {
        var hookIsTold = new TaskCompletionSource();
        await using var listener = new Listener(async (request, _) =>
        {
            if (request.RawPath == "/hook") hookIsTold.SetResult();
            else await hookIsTold.Task.WaitAsync(Test.Token);   // answers only when the other was told meanwhile
            return Listener.Status(200);
        });
        (await listener.Notifier(listener.Ntfy(), listener.Webhook()).SendAsync(Listener.Event(), Test.Token)).Should().BeEmpty();
    }

    [Theory]
    [InlineData(NotifyKind.Failure)]
    [InlineData(NotifyKind.Warning)]
    [InlineData(NotifyKind.Recovery)]
    [InlineData(NotifyKind.Stale)]
    public async Task What_nobody_could_be_told_is_told_late_and_once(NotifyKind kind)
    {
        bool isDown = true;
        await using var listener = new Listener((_, _) => Task.FromResult(Listener.Status(isDown ? 400 : 200))) { Time = new SettableTime(Now) };
        Notifier notifier = listener.Notifier(listener.Webhook(), listener.Ping());
        IReadOnlyList<string> problems = await notifier.SendAsync(Listener.Event(kind), Test.Token);
        problems.Should().HaveCount(3).And.Contain(problem => problem.Contains("nobody could be told; it is kept in", StringComparison.Ordinal));
        string kept = Directory.GetFiles($"{listener.State}/notifications", "*.json").Should().ContainSingle().Subject;
        File.GetUnixFileMode(kept).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        isDown = false;
        int before = listener.Requests.Count;
        await notifier.SendAsync(Listener.Event(NotifyKind.Start), Test.Token);
        (await notifier.SendAsync(Listener.Event(NotifyKind.Success), Test.Token)).Should().BeEmpty();
        (await notifier.SendAsync(Listener.Event(NotifyKind.Success), Test.Token)).Should().BeEmpty();
        JsonElement[] late = [.. listener.Requests.Skip(before).Where(static request => request.RawPath == "/hook").Select(static request => JsonDocument.Parse(request.Body).RootElement).Where(static document => document.GetProperty("late").GetBoolean())];
        late.Should().ContainSingle("a ping that is late would say something wrong of another run");
        JsonDocument.Parse(listener.Requests[0].Body.Length > 0 && listener.Requests[0].RawPath == "/hook" ? listener.Requests[0].Body : listener.Requests[1].Body).RootElement.GetProperty("id").GetString()
            .Should().Be(late[0].GetProperty("id").GetString(), "it is the same event");
        late[0].GetProperty("time").GetString().Should().Be("2026-11-23T02:31:00+01:00", "when it happened, not when it is told");
        Directory.GetFiles($"{listener.State}/notifications", "*.json").Should().BeEmpty();
    }

    [Fact]
    public async Task What_is_told_late_says_so()
    {
        bool isDown = true;
        await using var listener = new Listener((_, _) => Task.FromResult(Listener.Status(isDown ? 400 : 200))) { Time = new SettableTime(Now) };
        Notifier notifier = listener.Notifier(listener.Matrix());
        await notifier.SendAsync(Listener.Event(), Test.Token);
        isDown = false;
        await notifier.SendAsync(Listener.Event(NotifyKind.Success), Test.Token);
        string body = JsonDocument.Parse(listener.Requests[^1].Body).RootElement.GetProperty("body").GetString()!;
        body.Should().Contain("(told late)").And.Contain("it happened at 2026-11-23 02:31:00 +01:00, and nobody could be reached then");
        listener.Requests[^1].RawPath.Should().Be(listener.Requests[0].RawPath, "a homeserver that had taken it, and whose answer was lost, does not say it twice");
    }

    [Fact]
    public async Task What_one_channel_took_is_not_kept()
    {
        await using var listener = new Listener();
        IReadOnlyList<string> problems = await listener.Notifier(listener.Webhook(), listener.Ntfy() with { Token = listener.Token("token", "") }).SendAsync(Listener.Event(), Test.Token);
        problems.Should().ContainSingle().Which.Should().StartWith("[notify.phone] was not told: the file").And.Contain("is empty");
        Directory.Exists($"{listener.State}/notifications").Should().BeFalse();
    }

    [Theory]
    [InlineData(NotifyKind.Start)]
    [InlineData(NotifyKind.Success)]
    [InlineData(NotifyKind.Test)]
    public async Task What_is_of_no_use_later_is_not_kept(NotifyKind kind)
    {
        await using Listener listener = Listener.Answering(static _ => Listener.Status(400));
        (await listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(kind), Test.Token)).Should().ContainSingle();
        Directory.Exists($"{listener.State}/notifications").Should().BeFalse();
    }

    [Fact]
    public async Task At_most_a_hundred_are_kept_and_the_oldest_go()
    {
        await using var listener = new Listener { Time = new SettableTime(Now) };
        var spool = new NotifySpool(listener.State, listener.Time);
        for (int i = 0; i < 103; i++) spool.Keep(new NotifyMessage(Listener.Event() with { Time = Now.AddMinutes(i), Title = $"night {i}" }));
        spool.Count().Should().Be(100);
        (await listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(NotifyKind.Success), Test.Token)).Should().BeEmpty();
        listener.Requests.Skip(1).Select(static request => JsonDocument.Parse(request.Body).RootElement.GetProperty("title").GetString()).Should().Equal(Enumerable.Range(3, 100).Select(static i => $"night {i}"), "the oldest first");
    }

    [Fact]
    public async Task After_a_week_it_is_given_up_and_that_is_said()
    {
        var time = new SettableTime(Now);
        await using var listener = new Listener { Time = time };
        new NotifySpool(listener.State, time).Keep(new NotifyMessage(Listener.Event() with { Time = Now }));
        time.Now = Now.AddDays(7).AddMinutes(1);
        (await listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(NotifyKind.Success), Test.Token)).Should().ContainSingle().Which.Should().Contain("nobody could be told for 7 days").And.Contain("nightly failed");
        listener.Requests.Should().ContainSingle("only the success is told");
    }

    [Theory]
    [InlineData("{ half")]
    [InlineData("null")]
    [InlineData("{\"formatVersion\":1,\"event\":null}")]
    [InlineData("{\"formatVersion\":1,\"event\":{\"kind\":\"Failure\",\"host\":\"a\",\"time\":\"2026-11-23T02:31:00+01:00\",\"title\":\"b\",\"lines\":null}}")]
    [InlineData("{\"formatVersion\":2,\"event\":{\"kind\":\"Failure\",\"host\":\"a\",\"time\":\"2026-11-23T02:31:00+01:00\",\"title\":\"b\"}}")]
    public async Task A_damaged_file_in_the_spool_is_removed_and_the_rest_is_told(string content)
    {
        await using var listener = new Listener { Time = new SettableTime(Now) };
        new NotifySpool(listener.State, listener.Time).Keep(new NotifyMessage(Listener.Event()));
        File.WriteAllText($"{listener.State}/notifications/00000000.json", content);
        (await listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(NotifyKind.Success), Test.Token)).Should().ContainSingle().Which.Should().Contain("not legible");
        listener.Requests.Should().HaveCount(2);
        Directory.GetFiles($"{listener.State}/notifications", "*.json").Should().BeEmpty();
    }

    [Fact]
    public async Task A_state_directory_that_cannot_be_used_fails_nothing()
    {
        await using Listener listener = Listener.Answering(static _ => Listener.Status(400));
        File.WriteAllText($"{listener.State}", "a file where the directory should be");
        (await listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(), Test.Token)).Should().HaveCount(2).And.Contain(problem => problem.Contains("cannot be kept", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Whoever_is_cancelled_keeps_what_was_to_be_told()
    {
        using var cancelled = new CancellationTokenSource();
        await using var listener = new Listener(async (_, _) =>
        {
            await cancelled.CancelAsync();
            await Task.Delay(TimeSpan.FromMinutes(5), Test.Token);
            return Listener.Status(200);
        });
        Func<Task> sending = () => listener.Notifier(listener.Webhook()).SendAsync(Listener.Event(), cancelled.Token);
        await sending.Should().ThrowAsync<OperationCanceledException>();
        Directory.GetFiles($"{listener.State}/notifications", "*.json").Should().ContainSingle();
    }

    [Fact]
    public void The_start_of_a_run_is_told_in_passing()
    {
        NotifyPatience.For(NotifyKind.Start, TimeSpan.FromMinutes(5)).Total.Should().Be(TimeSpan.FromSeconds(10));
        NotifyPatience.For(NotifyKind.Failure, TimeSpan.FromMinutes(5)).Total.Should().Be(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public void Pauses_grow_to_a_bound_and_differ_by_chance()
    {
        NotifyPatience patience = NotifyPatience.For(NotifyKind.Failure, TimeSpan.FromMinutes(1));
        TimeSpan[] firsts = [.. Enumerable.Range(0, 50).Select(_ => patience.PauseAfter(1))];
        firsts.Should().OnlyContain(static pause => pause >= TimeSpan.FromSeconds(0.5) && pause <= TimeSpan.FromSeconds(1));
        firsts.Distinct().Count().Should().BeGreaterThan(10, "not everybody comes back in the same instant");
        patience.PauseAfter(3).Should().BeGreaterThanOrEqualTo(TimeSpan.FromSeconds(2));
        patience.PauseAfter(1000).Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(15));
    }

    [Fact]
    public async Task A_run_that_told_of_its_failure_is_known_by_its_invocation()
    {
        const string invocation = "0123456789abcdef0123456789abcdef";
        await using var listener = new Listener();
        Notifier InUnit(string id) => new(listener.Settings(listener.Webhook()), listener.Time) { Invocation = id };
        await InUnit(invocation).SendAsync(Listener.Event(NotifyKind.Success), Test.Token);
        InUnit(invocation).HasTold(invocation).Should().BeFalse();
        await InUnit(invocation).SendAsync(Listener.Event(), Test.Token);
        InUnit("").HasTold(invocation).Should().BeTrue();
        InUnit("").HasTold("f123456789abcdef0123456789abcdef").Should().BeFalse();
        InUnit("").HasTold("").Should().BeFalse();
    }
}
