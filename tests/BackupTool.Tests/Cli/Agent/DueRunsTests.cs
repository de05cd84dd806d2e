using BackupTool.Cli.Agent;
using static BackupTool.Tests.Cli.Agent.Nights;

namespace BackupTool.Tests.Cli.Agent;

/// <summary>Which runs are due, whatever the machine and its clock do.</summary>
public sealed class DueRunsTests
{
    private static readonly WatchedSchedule Nightly = Schedule("nightly");

    [Fact]
    public void A_run_begins_when_it_is_due_and_the_next_night_again()
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-03 12:00");
        nights.Runs.Should().Equal(("nightly", At("2026-03-02 02:30")), ("nightly", At("2026-03-03 02:30")));
        nights.Decisions.Should().OnlyContain(static decision => decision.Verdict == DueVerdict.Due);
        nights.Due.NextOf("nightly").Should().Be(At("2026-03-04 02:30"));
    }

    [Fact]
    public void The_first_agent_on_a_machine_runs_nothing_that_was_before_it() =>
        Begin("2026-03-01 12:00", Nightly).Until("2026-03-01 18:00").Runs.Should().BeEmpty();

    [Fact]
    public void An_agent_that_remembers_nothing_goes_by_the_newest_snapshot()
    {
        Begin("2026-03-05 12:00", AgentMemory.Empty, static _ => At("2026-03-05 02:31"), Nightly).Until("2026-03-05 13:00").Runs.Should().BeEmpty("tonight's is there");
        Begin("2026-03-05 12:00", AgentMemory.Empty, static _ => At("2026-03-02 02:31"), Nightly).Until("2026-03-05 13:00").Runs.Should().Equal(("nightly", At("2026-03-05 12:00")));
    }

    [Fact]
    public void A_night_that_was_missed_while_the_machine_was_off_is_run_at_once_after_the_boot_and_once_only()
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-02 12:00").RebootAt("2026-03-03 08:00").Until("2026-03-04 01:00");
        nights.Runs.Skip(1).Should().Equal(("nightly", At("2026-03-03 08:00")));
        nights.Decisions[^1].Should().BeEquivalentTo(new { Verdict = DueVerdict.CatchUp, Slot = At("2026-03-03 02:30") });
        nights.RebootAt("2026-03-04 02:00").Runs.Should().HaveCount(2, "nothing was missed this time");
    }

    [Fact]
    public void A_missed_night_is_passed_over_where_it_is_not_to_be_caught_up_and_the_next_one_runs()
    {
        WatchedSchedule schedule = Schedule("nightly", catchUp: false);
        Nights nights = Begin("2026-03-01 12:00", schedule).RebootAt("2026-03-03 08:00").Until("2026-03-04 03:00");
        nights.Runs.Should().Equal(("nightly", At("2026-03-04 02:30")));
        nights.Decisions.Select(static decision => decision.Verdict).Should().Equal(DueVerdict.PassedOver, DueVerdict.Due);
    }

    [Fact]
    public void A_time_that_came_while_the_agent_was_being_restarted_counts_as_missed()
    {
        WatchedSchedule schedule = Schedule("nightly", catchUp: false);
        Begin("2026-03-01 12:00", schedule).Until("2026-03-02 02:29").RebootAt("2026-03-02 02:30:30").Runs.Should().BeEmpty();
        Begin("2026-03-01 12:00", Nightly).Until("2026-03-02 02:29").RebootAt("2026-03-02 02:30:30").Runs.Should().ContainSingle();
    }

    [Fact]
    public void Three_nights_of_suspension_are_one_run()
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-01 18:00").JumpTo("2026-03-04 09:00").Until("2026-03-05 01:00");
        nights.Runs.Should().Equal(("nightly", At("2026-03-04 09:00")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_clock_that_goes_back_an_hour_over_a_time_runs_it_no_second_time(bool reboots)
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-02 02:45");
        nights = (reboots ? nights.RebootAt("2026-03-02 01:45") : nights.JumpTo("2026-03-02 01:45")).Until("2026-03-03 02:00");
        nights.Runs.Should().ContainSingle();
        nights.Until("2026-03-03 03:00").Runs.Should().HaveCount(2, "the next night is another");
    }

    [Fact]
    public void A_clock_that_goes_forward_a_day_has_missed_a_night_and_runs_it_once()
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-01 13:00").JumpTo("2026-03-02 13:00").Until("2026-03-02 20:00");
        nights.Runs.Should().Equal(("nightly", At("2026-03-02 13:00")));
        nights.Decisions.Single().Verdict.Should().Be(DueVerdict.CatchUp);
        Begin("2026-03-01 12:00", Schedule("nightly", catchUp: false)).JumpTo("2026-03-02 13:00").Until("2026-03-02 20:00").Runs.Should().BeEmpty();
    }

    [Fact]
    public void A_clock_that_was_years_ahead_for_a_while_does_not_stop_the_schedules_for_years()
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).JumpTo("2031-01-01 12:00").JumpTo("2026-03-01 12:10").Until("2026-03-03 12:00");
        nights.Runs.Should().Equal(("nightly", At("2031-01-01 12:00")), ("nightly", At("2026-03-02 02:30")), ("nightly", At("2026-03-03 02:30")));
        nights.Decisions.Should().ContainSingle(static decision => decision.Verdict == DueVerdict.BegunAnew);
    }

    [Theory]
    [InlineData("2026-03-02 02:00", 1)]
    [InlineData("2026-03-03 08:00", 2)]
    public void A_machine_that_boots_in_1970_and_learns_the_time_later_runs_no_night_again(string learned, int runs)
    {
        Nights nights = Begin("2026-03-01 01:00", Nightly).Until("2026-03-01 12:00").RebootAt("1970-01-01 00:00:10").Until("1970-01-01 00:10").RebootAt("1970-01-01 00:00:30").JumpTo(learned).Until(learned);
        nights.Runs.Should().HaveCount(runs);
    }

    [Theory]
    [InlineData("Europe/Berlin", "2026-03-28 12:00", "2026-03-29 20:00")]
    [InlineData("Europe/Berlin", "2026-10-24 12:00", "2026-10-25 20:00")]
    [InlineData("America/New_York", "2026-03-07 18:00", "2026-03-08 23:00")]
    [InlineData("America/New_York", "2026-10-31 18:00", "2026-11-01 23:00")]
    public void On_the_nights_when_the_clock_changes_a_nightly_run_happens_exactly_once(string zone, string from, string to)
    {
        WatchedSchedule schedule = Schedule("nightly", zone: zone);
        Begin(from, schedule).Until(to).Runs.Should().ContainSingle("it was awake");
        Begin(from, schedule).JumpTo(to).Runs.Should().ContainSingle("it was asleep");
        Begin(from, schedule).Until(to).RebootAt(to).Runs.Should().ContainSingle("it was restarted");
        Begin(from, Schedule("nightly", "30 1 * * *", zone: zone)).Until(to).Runs.Should().ContainSingle("half past one");
    }

    [Fact]
    public void Jitter_is_the_same_every_night_and_is_kept_over_a_restart()
    {
        WatchedSchedule schedule = Schedule("nightly", jitter: "50m");
        Nights nights = Begin("2026-03-01 12:00", schedule).Until("2026-03-02 12:00").RebootAt("2026-03-02 13:00").Until("2026-03-03 12:00");
        nights.Runs.Should().HaveCount(2);
        (nights.Runs[1].At - nights.Runs[0].At).Should().Be(TimeSpan.FromDays(1));
        nights.Runs[0].At.Should().BeOnOrAfter(At("2026-03-02 02:30")).And.BeBefore(At("2026-03-02 03:20:30"));
        nights.Due.Memory.Schedules["nightly"].LastSlot.Should().Be(At("2026-03-03 02:30") + schedule.Times.Delay);
    }

    [Fact]
    public void One_runs_at_a_time_and_the_others_wait_in_the_order_of_their_times()
    {
        Nights nights = Begin("2026-03-01 12:00", Schedule("z", "0 2 * * *"), Schedule("c", "20 2 * * *"), Schedule("b", "10 2 * * *"));
        nights.Takes = TimeSpan.FromHours(1);
        nights.Until("2026-03-02 02:30").Due.Queue.Select(static run => run.Schedule).Should().Equal("b", "c");
        nights.Until("2026-03-02 05:00").Runs.Should().Equal(("z", At("2026-03-02 02:00")), ("b", At("2026-03-02 03:00")), ("c", At("2026-03-02 04:00")));
    }

    [Fact]
    public void Who_is_due_twice_while_it_waits_runs_once_and_never_beside_itself()
    {
        Nights nights = Begin("2026-03-01 12:00", Schedule("long", "0 0 * * *"), Schedule("often", "*/10 * * * *"));
        nights.Until("2026-03-01 23:59").Runs.Clear();
        nights.Takes = TimeSpan.FromMinutes(55);
        nights.Until("2026-03-02 02:00");
        nights.Runs.Should().Equal(("long", At("2026-03-02 00:00")), ("often", At("2026-03-02 00:55")), ("often", At("2026-03-02 01:50")));
        nights.Decisions.Should().Contain(static decision => decision.Verdict == DueVerdict.Absorbed);
    }

    [Fact]
    public void Who_came_due_while_another_ran_was_not_missed()
    {
        Nights nights = Begin("2026-03-01 12:00", Schedule("long", "0 2 * * *"), Schedule("short", "30 2 * * *", catchUp: false));
        nights.Takes = TimeSpan.FromHours(3);
        nights.Until("2026-03-02 06:00").Runs.Should().Equal(("long", At("2026-03-02 02:00")), ("short", At("2026-03-02 05:00")));
    }

    [Fact]
    public void Who_waited_when_the_agent_was_killed_is_caught_up_by_the_next_one()
    {
        Nights nights = Begin("2026-03-01 12:00", Schedule("long", "0 2 * * *"), Schedule("short", "30 2 * * *"));
        nights.Takes = TimeSpan.FromHours(3);
        nights.Until("2026-03-02 02:40").RebootAt("2026-03-02 02:45").Until("2026-03-02 05:00");
        nights.Runs.Should().Equal(("long", At("2026-03-02 02:00")), ("short", At("2026-03-02 02:45")));
    }

    [Fact]
    public void A_reload_forgets_who_is_gone_keeps_who_waits_and_begins_with_who_is_new()
    {
        WatchedSchedule first = Schedule("first", "0 2 * * *"), gone = Schedule("gone", "5 2 * * *"), stays = Schedule("stays", "10 2 * * *"), moves = Schedule("moves", "15 2 * * *");
        Nights nights = Begin("2026-03-01 12:00", first, gone, stays, moves);
        nights.Takes = TimeSpan.FromHours(1);
        nights.Until("2026-03-02 02:30").Reload(stays, Schedule("moves", "0 1 * * *"), Schedule("new", "0 2 * * *"));
        nights.Due.Running!.Schedule.Should().Be("first", "what runs is not disturbed, though its schedule is gone");
        nights.Due.Queue.Select(static run => run.Schedule).Should().Equal("stays", "moves");
        nights.Until("2026-03-02 06:00").Runs.Select(static run => run.Schedule).Should().Equal("first", "stays", "moves");
        nights.Due.Memory.Schedules.Keys.Should().Equal("moves", "new", "stays");
        nights.Until("2026-03-03 05:00").Runs.Skip(3).Should().Equal(("moves", At("2026-03-03 01:00")), ("new", At("2026-03-03 02:00")), ("stays", At("2026-03-03 03:00")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Other_times_are_none_that_were_missed(bool restarts)
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-02 12:00");
        WatchedSchedule changed = Schedule("nightly", "0 11 * * *");
        nights = restarts ? nights.RebootAt("2026-03-02 12:01", changed) : nights.Reload(changed);
        nights.Until("2026-03-03 10:00").Runs.Should().ContainSingle();
        nights.Until("2026-03-03 12:00").Runs.Should().HaveCount(2);
    }

    [Fact]
    public void A_schedule_that_never_comes_is_no_trouble()
    {
        Nights nights = Begin("2026-03-01 12:00", Schedule("never", "0 0 30 2 *"), Nightly).Until("2026-03-02 12:00");
        nights.Due.NextOf("never").Should().BeNull();
        nights.Runs.Should().ContainSingle();
    }

    [Fact]
    public void How_the_last_run_ended_is_remembered()
    {
        Nights nights = Begin("2026-03-01 12:00", Nightly).Until("2026-03-02 02:31");
        nights.Due.Memory.Schedules["nightly"].LastRun.Should().Be(new LastRun { Slot = At("2026-03-02 02:30"), Started = At("2026-03-02 02:30") });
        nights.Until("2026-03-02 02:40").Due.Memory.Schedules["nightly"].LastRun.Should().Be(new LastRun { Slot = At("2026-03-02 02:30"), Started = At("2026-03-02 02:30"), Finished = At("2026-03-02 02:35"), ExitCode = 0 });
        nights.RebootAt("2026-03-02 03:00").Due.LastRunOf("nightly")!.ExitCode.Should().Be(0);
    }
}
