using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Services.Maubot;

namespace BackupTool.Tests.Operations.Reseed;

public sealed class FreshDeviceTests
{
    private static ClientPasswords Passwords(string password = "pass of a") => new([KeyValuePair.Create("@a:x", new SecretText(password))]);

    [Fact]
    public async Task Without_it_a_client_with_a_device_is_warned_of()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        MaubotReseedReport report = await stage.RunAsync(seed with { ClientsWithKeys = new HashSet<string> { "@a:x" } });
        report.Clients[0].Warnings.Should().ContainSingle().Which.Should().Contain("DEVA").And.Contain("--fresh-devices");
        report.Clients[1].Warnings.Should().BeEmpty("it has no device");
    }

    [Fact]
    public async Task A_client_with_a_password_runs_as_a_new_device_and_its_old_token_stays_valid()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        stage.Homeserver!.SetPassword("@a:x", "pass of a");

        MaubotReseedReport report = await stage.RunAsync(seed, Passwords());

        report.IsComplete.Should().BeTrue();
        report.Clients[0].Should().Match<ReseededClient>(client => client.FreshDevice == "FRESH1" && client.IsStarted && client.Outcome == ReseedOutcome.Created);
        stage.Maubot.Store.Query("SELECT device_id FROM client WHERE id = '@a:x'")[0]["device_id"].Should().Be("FRESH1");
        stage.Homeserver.DevicesOf("@a:x").Should().Equal(["DEVA", "FRESH1"], "a rollback needs the old one");
        report.Clients[0].Warnings.Should().ContainSingle().Which.Should().Contain("DEVA").And.Contain("rollback");
        stage.Homeserver.DeviceNames.Should().Equal("maubot (logged in anew by backup)");
        $"{report} {Passwords()}".Should().NotContain("pass of a").And.NotContain("syt_");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_second_run_keeps_the_new_device_with_or_without_the_passwords(bool withPasswords)
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        stage.Homeserver!.SetPassword("@a:x", "pass of a");
        await stage.RunAsync(seed, Passwords());

        MaubotReseedReport report = await stage.RunAsync(seed, withPasswords ? Passwords() : null);

        report.IsComplete.Should().BeTrue();
        report.Clients[0].Outcome.Should().Be(ReseedOutcome.AlreadyThere);
        stage.Homeserver.DevicesOf("@a:x").Should().Equal("DEVA", "FRESH1");
        stage.Maubot.Store.Query("SELECT device_id FROM client WHERE id = '@a:x'")[0]["device_id"].Should().Be("FRESH1");
    }

    [Fact]
    public async Task A_client_that_came_back_on_its_old_device_can_be_given_a_new_one_later()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        stage.Homeserver!.SetPassword("@a:x", "pass of a");
        await stage.RunAsync(seed);

        ReseededClient client = (await stage.RunAsync(seed, Passwords())).Clients[0];

        (client.Outcome, client.FreshDevice, client.IsStarted).Should().Be((ReseedOutcome.Updated, "FRESH1", true));
    }

    [Fact]
    public async Task A_wrong_password_fails_that_client_and_is_not_shown()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        stage.Homeserver!.SetPassword("@a:x", "pass of a");

        MaubotReseedReport report = await stage.RunAsync(seed, Passwords("not this one"));

        report.IsComplete.Should().BeFalse();
        report.Clients[0].Reason.Should().Contain("M_FORBIDDEN").And.Contain("Wrong password ***").And.NotContain("not this one");
        report.Clients[1].Outcome.Should().Be(ReseedOutcome.Created);
    }

    [Fact]
    public async Task A_new_device_that_maubot_refuses_is_logged_out_again()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        stage.Homeserver!.SetPassword("@a:x", "pass of a");
        stage.Maubot.Interfere = request => request == "PUT client/@a:x" ? (400, """{"error": "Could not connect to homeserver", "errcode": "bad_client_connection_details"}""") : null;

        ReseededClient client = (await stage.RunAsync(seed, Passwords())).Clients[0];

        client.Outcome.Should().Be(ReseedOutcome.Failed);
        stage.Homeserver.DevicesOf("@a:x").Should().Equal("DEVA");
    }
}
