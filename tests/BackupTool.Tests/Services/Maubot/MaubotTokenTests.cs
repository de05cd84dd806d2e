using BackupTool.Services.Maubot;

namespace BackupTool.Tests.Services.Maubot;

public sealed class MaubotTokenTests
{
    [Fact]
    public void A_token_is_the_one_that_mautrix_makes_of_the_same_payload() =>
        // Made and verified by mautrix/util/signed_token.py of mautrix 0.21.1.
        MaubotToken.Sign(new SecretText("s3cret-ü"), "root", DateTimeOffset.FromUnixTimeSeconds(1_700_000_000)).Reveal()
            .Should().Be("gHO3QBs40CDQSJt1DR2XfDGeK50rrCylrCpFOfonqzE:eyJ1c2VyX2lkIjoicm9vdCIsImNyZWF0ZWRfYXQiOjE3MDAwMDAwMDB9");

    [Fact]
    public void Nothing_secret_is_shown_by_printing_it()
    {
        var client = new MaubotClientSettings { Id = "@bot:x", Homeserver = "http://127.0.0.1:8008", AccessToken = new SecretText("syt_secret"), DeviceId = "DEV" };
        var instance = new MaubotInstanceSettings { Id = "echo", Type = "t", PrimaryUser = "@bot:x", Config = new SecretText("api_key: hush") };

        string shown = $"{client} {new MaubotClientState(client, true, true, true)} {instance} {new FreshDevice(new SecretText("syt_new"), "D")} {MaubotToken.Sign(new SecretText("hidden"), "root", default)}";

        shown.Should().Contain("@bot:x").And.Contain("***").And.NotContain("syt_").And.NotContain("hush").And.NotContain("hidden");
    }
}
