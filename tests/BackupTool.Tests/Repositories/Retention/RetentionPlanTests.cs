using BackupTool.Repositories.Retention;
using static BackupTool.Tests.Repositories.Retention.RetentionStage;

namespace BackupTool.Tests.Repositories.Retention;

public sealed class RetentionPlanTests
{
    private static readonly RetentionPolicy One = new() { Last = 1 };

    private static List<RetentionSnapshot> EachDay(string first, int days, params string[] services) =>
        [.. Enumerable.Range(0, days).Select(day => Snapshot(day, Time(first).AddDays(day), services))];

    [Fact]
    public void Keeps_the_newest_of_each_of_so_many_days_weeks_months_and_years_and_says_so()
    {
        RetentionPlan plan = Decide(EachDay("2025-11-01T02:30Z", 420), Nightly(new RetentionPolicy { Last = 1, Daily = 3, Weekly = 3, Monthly = 3, Yearly = 2 }));
        // 420 days from 2025-11-01 end on Friday, 2026-12-25.
        plan.KeptDays().Should().Equal("2025-12-31", "2026-10-31", "2026-11-30", "2026-12-13", "2026-12-20", "2026-12-23", "2026-12-24", "2026-12-25");
        plan.Of(419).Reasons.Should().Equal("last 1 of 1", "daily 1 of 3 (2026-12-25)", "weekly 1 of 3 (2026-W52)", "monthly 1 of 3 (2026-12)", "yearly 1 of 2 (2026)", "newest of maubot");
        plan.Decisions[60].Reasons.Should().Equal("yearly 2 of 2 (2025)");
        plan.Of(0).Reasons.Should().Equal("no rule keeps it: last 1, daily 3, weekly 3, monthly 3, yearly 2");
    }

    [Fact]
    public void Weeks_are_ISO_weeks_over_the_end_of_a_year()
    {
        // 2026-12-28 to 2027-01-03 is 2026-W53; 2024-12-30 belongs to 2025-W01.
        RetentionPlan plan = Decide(EachDay("2026-12-25T12:00Z", 12), Nightly(new RetentionPolicy { Weekly = 3 }));
        plan.KeptDays().Should().Equal("2026-12-27", "2027-01-03", "2027-01-05");
        plan.Decisions.Where(decision => decision.IsKept).Select(decision => decision.Reasons[0]).Should().Equal("weekly 3 of 3 (2026-W52)", "weekly 2 of 3 (2026-W53)", "weekly 1 of 3 (2027-W01)");
        Decide(EachDay("2024-12-28T12:00Z", 3), Nightly(new RetentionPolicy { Weekly = 2 })).Of(2).Reasons[0].Should().Be("weekly 1 of 2 (2025-W01)");
    }

    [Fact]
    public void A_day_begins_where_the_schedule_lives()
    {
        List<RetentionSnapshot> snapshots = [Snapshot(1, "2026-06-01T21:30Z"), Snapshot(2, "2026-06-01T22:30Z"), Snapshot(3, "2026-06-02T21:00Z")];
        Decide(snapshots, Nightly(new RetentionPolicy { Daily = 2 })).KeptIds().Should().Equal(Id(2), Id(3));
        Decide(snapshots, Nightly(new RetentionPolicy { Daily = 2 }, Berlin)).KeptIds().Should().Equal([Id(1), Id(3)], "22:30 in London is the next day in Berlin");
    }

    [Fact]
    public void The_hour_that_comes_twice_is_two_hours_and_the_one_left_out_is_none()
    {
        // 2026-10-25: 03:00 CEST becomes 02:00 CET. 2026-03-29: 02:00 CET becomes 03:00 CEST.
        List<RetentionSnapshot> autumn = [Snapshot(1, "2026-10-24T23:30Z"), Snapshot(2, "2026-10-25T00:30Z"), Snapshot(3, "2026-10-25T01:30Z"), Snapshot(4, "2026-10-25T02:30Z")];
        RetentionPlan plan = Decide(autumn, Nightly(new RetentionPolicy { Hourly = 3 }, Berlin));
        plan.KeptIds().Should().Equal(Id(2), Id(3), Id(4));
        plan.Of(2).Reasons[0].Should().Be("hourly 3 of 3 (2026-10-25 02:00+02:00)");
        plan.Of(3).Reasons[0].Should().Be("hourly 2 of 3 (2026-10-25 02:00+01:00)");
        List<RetentionSnapshot> spring = [Snapshot(1, "2026-03-29T00:30Z"), Snapshot(2, "2026-03-29T01:30Z"), Snapshot(3, "2026-03-29T02:30Z")];
        Decide(spring, Nightly(new RetentionPolicy { Hourly = 2 }, Berlin)).KeptIds().Should().Equal(Id(2), Id(3));
    }

    [Fact]
    public void Empty_days_are_not_counted()
    {
        List<RetentionSnapshot> snapshots = [Snapshot(1, "2026-01-01"), Snapshot(2, "2026-03-01"), Snapshot(3, "2026-07-01"), Snapshot(4, "2026-07-01T01:00")];
        Decide(snapshots, Nightly(new RetentionPolicy { Daily = 2 })).KeptIds().Should().Equal(Id(2), Id(4));
    }

    [Fact]
    public void Within_reckons_from_now()
    {
        List<RetentionSnapshot> snapshots = [Snapshot(1, "2026-01-01T00:00Z"), Snapshot(2, "2026-01-03T00:00Z"), Snapshot(3, "2026-01-04T00:00Z"), Snapshot(4, "2026-01-05T00:00Z")];
        RetentionPlan plan = Decide(snapshots, Nightly(new RetentionPolicy { Within = TimeSpan.FromHours(48) }), "2026-01-05T00:00Z");
        plan.KeptIds().Should().Equal(Id(2), Id(3), Id(4));
        plan.Of(2).Reasons.Should().Equal("within 2d");
        Decide(snapshots, Nightly(new RetentionPolicy { Within = TimeSpan.FromHours(48) }), "2028-01-05T00:00Z").KeptIds().Should().Equal([Id(4)], "the newest stays however old it is");
    }

    [Fact]
    public void What_no_policy_concerns_stays_with_that_reason()
    {
        RetentionSnapshot manual = Snapshot(1, "2020-01-01") with { Schedule = null }, former = Snapshot(2, "2020-01-02") with { Schedule = "hourly" }, open = Snapshot(3, "2020-01-03");
        RetentionPlan plan = Decide([manual, former, open, Snapshot(4, "2020-01-04")], Nightly(null));
        plan.Of(1).Should().BeEquivalentTo(new { IsKept = true, Reasons = new[] { "no policy: no schedule made it, and [rotation] has no keep" } });
        plan.Of(2).Reasons.Should().Equal("no policy: the schedule hourly is not configured any more, and [rotation] has no keep");
        plan.Of(3).Reasons.Should().Equal("no policy: the schedule nightly has no keep");
    }

    [Fact]
    public void What_no_schedule_made_and_what_a_former_one_made_is_under_the_policy_for_the_rest()
    {
        List<RetentionSnapshot> snapshots = [Snapshot(1, "2020-01-01") with { Schedule = null }, Snapshot(2, "2020-01-02") with { Schedule = "former" }, Snapshot(3, "2020-01-03") with { Schedule = null }, Snapshot(4, "2020-01-04")];
        RetentionPlan plan = Decide(snapshots, Nightly(new RetentionPolicy { Last = 5 }) with { Keep = One });
        plan.KeptIds().Should().Equal(Id(3), Id(4));
    }

    [Fact]
    public void A_label_with_a_policy_keeps_besides_the_schedule()
    {
        RetentionRules rules = Nightly(One) with { Labels = new Dictionary<string, RetentionPolicy> { ["release"] = new() { Last = 2 } }, Keep = One };
        List<RetentionSnapshot> snapshots = [Snapshot(1, "2020-01-01") with { Labels = ["release"] }, Snapshot(2, "2020-01-02") with { Labels = ["release", "other"], Schedule = null },
            Snapshot(3, "2020-01-03") with { Labels = ["release"] }, Snapshot(4, "2020-01-04") with { Labels = ["other"] }, Snapshot(5, "2020-01-05")];
        RetentionPlan plan = Decide(snapshots, rules);
        plan.KeptIds().Should().Equal(Id(2), Id(3), Id(5));
        plan.Of(2).Reasons.Should().Equal("label release: last 2 of 2");
        plan.Of(1).Reasons.Should().Equal("no rule keeps it: last 1; label release: last 2");
    }

    [Fact]
    public void Two_schedules_that_keep_as_much_count_each_for_itself()
    {
        RetentionRules rules = Nightly(One) with { Schedules = new Dictionary<string, ScheduleRetention> { ["nightly"] = new(One, TimeZoneInfo.Utc), ["weekly"] = new(One, TimeZoneInfo.Utc) } };
        Decide([Snapshot(1, "2020-01-01") with { Schedule = "weekly" }, Snapshot(2, "2020-01-02")], rules).KeptIds().Should().Equal(Id(1), Id(2));
    }

    [Fact]
    public void One_that_lacks_a_service_takes_no_place_of_the_last_that_has_it()
    {
        List<RetentionSnapshot> snapshots = [Snapshot(1, "2020-01-01", "maubot", "slack"), Snapshot(2, "2020-01-02", "maubot", "slack"), Snapshot(3, "2020-01-03", "slack"), Snapshot(4, "2020-01-04", "slack")];
        RetentionPlan plan = Decide(snapshots, Nightly(new RetentionPolicy { Daily = 2 }));
        plan.KeptIds().Should().BeEquivalentTo(new[] { Id(1), Id(2), Id(3), Id(4) });
        plan.Of(1).Reasons.Should().Equal("daily 2 of 2 (2020-01-01) of maubot");
        plan.Of(2).Reasons.Should().Equal("daily 1 of 2 (2020-01-02) of maubot", "newest of maubot");
        plan.Of(4).Reasons.Should().Equal("daily 1 of 2 (2020-01-04)", "newest of slack");
    }

    [Fact]
    public void The_newest_the_newest_verified_what_is_newer_and_what_is_pinned_stay_whatever_the_policy()
    {
        List<RetentionSnapshot> snapshots = [.. EachDay("2020-01-01", 8).Select(snapshot => snapshot with { IsVerified = snapshot.Id == Id(2) || snapshot.Id == Id(4), IsPinned = snapshot.Id == Id(1) })];
        RetentionPlan plan = Decide(snapshots, Nightly(One));
        plan.KeptIds().Should().Equal(Id(1), Id(4), Id(5), Id(6), Id(7));
        plan.Of(1).Reasons.Should().Equal("pinned");
        plan.Of(4).Reasons.Should().Equal("newest verified of maubot");
        plan.Of(5).Reasons.Should().Equal($"newer than the newest verified ({Id(4).Prefix})");
        plan.Floors.Should().ContainSingle().Which.NewestVerified!.Id.Should().Be(Id(4));
    }

    [Fact]
    public void Snapshots_of_other_machines_stay_unless_they_are_decided_on_too()
    {
        List<RetentionSnapshot> snapshots = [.. EachDay("2020-01-01", 3), .. EachDay("2020-02-01", 3).Select(snapshot => snapshot with { Host = "there", Id = Id(snapshot.Time.Day + 100) })];
        RetentionPlan plan = Decide(snapshots, Nightly(One));
        plan.Removed.Should().OnlyContain(snapshot => snapshot.Host == "here").And.HaveCount(2);
        plan.Of(101).Reasons.Should().Equal("of another host (there)");
        RetentionPlan.Decide(snapshots, Nightly(One), Time("2030-01-01"), onlyHost: null).KeptIds().Should().Equal(Id(2), Id(103));
    }

    [Fact]
    public void Nights_on_which_a_service_was_suspiciously_small_never_push_out_the_last_good_one()
    {
        List<RetentionSnapshot> nights = EachDay("2020-01-01", 8, "maubot", "slack");
        for (int day = 0; day < 3; day++) nights[day] = nights[day] with { IsVerified = true };
        for (int day = 3; day < 8; day++) nights[day] = nights[day] with { Suspicious = ["maubot"] };
        RetentionPlan plan = Decide(nights, Nightly(new RetentionPolicy { Last = 2 }));
        plan.KeptIds().Should().StartWith([Id(1), Id(2)], "each was emptied five nights ago");
        plan.Of(2).Reasons.Should().Equal("last 1 of 2 of maubot", "newest verified of maubot, slack");
        // What is stored is verified, too: that proves nothing of what was lost.
        nights = [.. nights.Select(static night => night with { IsVerified = true })];
        plan = Decide(nights, Nightly(new RetentionPolicy { Last = 2 }));
        plan.KeptIds().Should().StartWith([Id(1), Id(2)]).And.HaveCount(7, "whoever accepts the new size lets them go");
        Decide([.. nights[..7], nights[7] with { Suspicious = [] }], Nightly(new RetentionPolicy { Last = 2 })).KeptIds().Should().Equal(Id(2), Id(5), Id(6), Id(7));
    }

    [Fact]
    public void A_snapshot_from_the_future_stays_and_takes_no_place_from_those_of_today()
    {
        List<RetentionSnapshot> snapshots = [.. EachDay("2020-01-01", 3), Snapshot(9, "2099-01-01") with { IsVerified = true }];
        RetentionPlan plan = Decide(snapshots, Nightly(new RetentionPolicy { Last = 2 }), "2020-01-03T01:00Z");
        plan.KeptIds().Should().Equal(Id(1), Id(2), Id(9));
        plan.Of(9).Reasons.Should().Contain("dated in the future");
    }

    [Fact]
    public void A_machine_whose_clock_fell_back_to_1970_removes_nothing() =>
        Decide(EachDay("2020-01-01", 3), Nightly(One), "1970-01-02T00:00Z").Removed.Should().BeEmpty();

    [Fact]
    public void A_state_that_was_set_aside_is_no_services_newest_and_takes_no_place()
    {
        RetentionSnapshot aside = Snapshot(9, "2020-01-09") with { IsSetAside = true, Schedule = null, Labels = ["pre-wipe"] };
        RetentionPlan plan = Decide([.. EachDay("2020-01-01", 3).Select(snapshot => snapshot with { Schedule = null }), aside], Nightly(null) with { Keep = One });
        plan.KeptIds().Should().Equal(Id(2), Id(9));
        plan.Of(2).Reasons.Should().Equal("last 1 of 1", "newest of maubot");
    }

    [Fact]
    public void A_snapshot_without_any_service_is_kept_by_no_rule() =>
        Decide([Snapshot(1, "2020-01-01") with { Services = [] }, Snapshot(2, "2020-01-01")], Nightly(One)).Of(1).Should().BeEquivalentTo(new { IsKept = false, Reasons = new[] { "no rule keeps it: it holds no service" } });

    [Theory]
    [InlineData("0001-01-01T00:00Z")]
    [InlineData("9999-12-31T23:59Z")]
    public void The_ends_of_time_break_nothing(string time)
    {
        var all = new RetentionPolicy { Last = 1, Hourly = 1, Daily = 1, Weekly = 1, Monthly = 1, Yearly = 1, Within = TimeSpan.FromDays(1000) };
        Decide([Snapshot(1, time), Snapshot(2, "2020-01-01")], Nightly(all, Berlin), "9999-12-31T23:59Z").Decisions.Should().HaveCount(2);
        Decide([Snapshot(1, time), Snapshot(2, "2020-01-01")], Nightly(all, Berlin), "0001-01-01T00:00Z").Removed.Should().BeEmpty();
    }

    [Fact]
    public void Nothing_comes_of_nothing() => Decide([], Nightly(One)).Decisions.Should().BeEmpty();
}
