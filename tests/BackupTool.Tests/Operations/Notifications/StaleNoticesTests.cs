using BackupTool.Operations.Notifications;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>When it is told that a service has no recent backup.</summary>
public sealed class StaleNoticesTests
{
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 1, 0, 0, TimeSpan.Zero);
    private static readonly StaleService Maubot = new("maubot", "the last good snapshot is 2 d old, and 26 h are expected"), Bridge = new("slack", "there is none");

    [Fact]
    public void Tells_of_all_in_one_event_on_the_first_day()
    {
        StaleDecision decision = Decide([Maubot, Bridge], []);
        NotifyEvent told = decision.Due.Should().ContainSingle().Subject;
        (told.Kind, told.Title, told.Schedule).Should().Be((NotifyKind.Stale, "no recent backup of maubot, slack", null));
        told.Lines.Should().Contain("maubot: the last good snapshot is 2 d old, and 26 h are expected").And.Contain("slack: there is none");
        decision.Told.Should().Equal(new Dictionary<string, DateTimeOffset> { ["maubot"] = Now, ["slack"] = Now });
    }

    [Theory]
    [InlineData("2026-11-23T00:59:00Z", false)]
    [InlineData("2026-11-22T23:01:00Z", false)]   // 00:01 of the same day in Berlin
    [InlineData("2026-11-22T22:59:00Z", true)]    // 23:59 of the day before
    [InlineData("2026-11-22T01:00:00Z", true)]
    [InlineData("2026-12-24T01:00:00Z", true)]    // the clock was set back
    public void Tells_once_on_each_day(string last, bool isDue) =>
        Decide([Maubot], new() { ["maubot"] = DateTimeOffset.Parse(last, System.Globalization.CultureInfo.InvariantCulture) }).Due.Any().Should().Be(isDue);

    [Fact]
    public void Tells_only_of_those_that_are_due_and_of_those_that_are_well_again()
    {
        StaleDecision decision = Decide([Maubot, Bridge], new() { ["maubot"] = Now.AddMinutes(-10), ["homeserver"] = Now.AddMinutes(-10) });
        decision.Due.Select(static due => (due.Kind, due.Title)).Should().Equal((NotifyKind.Stale, "no recent backup of slack"), (NotifyKind.Recovery, "homeserver has a recent backup again"));
        decision.Told.Should().Equal(new Dictionary<string, DateTimeOffset> { ["maubot"] = Now.AddMinutes(-10), ["slack"] = Now });
    }

    [Fact]
    public async Task Remembers_what_it_told_and_tells_again_when_that_is_deleted_or_damaged()
    {
        await using var listener = new Listener { Time = new SettableTime(Now) };
        NotifySettings settings = listener.Settings(listener.Webhook());
        async Task TellAsync(params StaleService[] stale) => (await new StaleWatch(listener.Notifier(listener.Webhook()), settings, listener.Time).TellAsync("stack", stale, Berlin, Test.Token)).Should().BeEmpty();

        await TellAsync();
        listener.Requests.Should().BeEmpty();
        await TellAsync(Maubot);
        await TellAsync(Maubot);
        listener.Requests.Should().HaveCount(1);
        File.Delete($"{listener.State}/notified.json");
        await TellAsync(Maubot);
        listener.Requests.Should().HaveCount(2);
        File.WriteAllText($"{listener.State}/notified.json", "{ half");
        await TellAsync(Maubot);
        listener.Requests.Should().HaveCount(3);
        await TellAsync();
        await TellAsync();
        listener.Requests.Should().HaveCount(4);
        listener.Requests[3].Text.Should().Contain("\"kind\":\"recovery\"");
    }

    private static StaleDecision Decide(StaleService[] stale, Dictionary<string, DateTimeOffset> told) => StaleNotices.Decide("stack", stale, told, Now, Berlin);
}
