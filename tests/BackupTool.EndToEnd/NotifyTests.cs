using System.Collections.Concurrent;
using System.Text.Json;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary><c>backup notify</c>, as an operator and as a unit uses it.</summary>
public sealed class NotifyTests : IDisposable
{
    private const string Token = "t0ken-NotToBeShown", Path = "s3cret-path-NotToBeShown";
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task A_trial_says_truthfully_what_every_channel_answered_and_shows_no_secret()
    {
        var seen = new ConcurrentQueue<FakeHttpRequest>();
        await using FakeHttpServer server = FakeHttpServer.Start(request =>
        {
            seen.Enqueue(request);
            bool isFirstOfPhone = request.RawPath == "/backups" && seen.Count(static each => each.RawPath == "/backups") == 1;
            return Task.FromResult(FakeHttpAnswer.Json(isFirstOfPhone ? 500 : request.RawPath.Contains("closed", StringComparison.Ordinal) ? 403 : 200, $$"""{"room_id":"!id:x","echo":"{{Token}} {{Path}}"}"""));
        });
        ConfigureFor(server);

        CliResult trial = (await _box.RunAsync("notify", "test", "--json")).ShouldExit(1, "two channels were not told");
        JsonElement[] channels = [.. trial.Json.GetProperty("channels").EnumerateArray()];
        channels.Select(static channel => (channel.GetProperty("name").GetString(), channel.GetProperty("told").GetBoolean())).Should()
            .Equal(("dead-man", true), ("phone", true), ("hook", true), ("room", true), ("script", true), ("closed", false), ("nobody", false));
        channels[1].GetProperty("attempts").GetInt32().Should().Be(2, "the first answer was 500");
        channels[5].GetProperty("answer").GetString().Should().Contain("HTTP 403");
        channels[6].GetProperty("answer").GetString().Should().Contain("connection refused");
        seen.Select(static request => $"{request.Method} {request.RawPath.Split("backup-")[0]}").Distinct().Should().BeEquivalentTo(
            $"POST /{Path}/log", "POST /backups", "POST /hook", "GET /_matrix/client/v3/directory/room/%23backup%3Ax", "PUT /_matrix/client/v3/rooms/%21id%3Ax/send/m.room.message/", "POST /closed");
        seen.First(static request => request.RawPath == "/backups").Header("Authorization").Should().Be($"Bearer {Token}");
        File.ReadAllText(_box.Below("told")).Should().Contain("\"kind\":\"test\"").And.NotContain(Token);

        (await _box.RunAsync("notify", "test", "phone", "script")).ShouldExit(0).Output.Should().Contain("phone").And.Contain("HTTP 200").And.NotContain("hook");
        (await _box.RunAsync("notify", "test", "telephone")).ShouldFail(2, "There is no channel 'telephone'", "dead-man");
        foreach (string[] command in (string[][])[["notify", "test", "-vv"], ["notify", "unit-failed", "nothing.service", "-vv"], ["config", "show"], ["config", "show", "--json"], ["config", "check", "-vv"]])
        {
            CliResult result = await _box.RunAsync(command);
            (result.Output + result.Error).Should().NotContain(Token).And.NotContain(Path);
        }
    }

    [Fact]
    public async Task A_configuration_without_channels_says_so()
    {
        (await _box.RunAsync("notify", "test")).ShouldFail(75, "nobody is told when a backup fails");
    }

    [Fact]
    public async Task A_secret_that_is_missing_is_a_finding_and_fails_no_backup()
    {
        File.WriteAllText(System.IO.Path.Combine(_box.Source, "file"), "content");
        await _box.InitAsync();
        _box.Configure(Sandbox.FilesService("files", _box.Source), $"[notify.phone]\nkind = \"ntfy\"\nurl = \"https://ntfy.example.org\"\ntopic = \"a\"\ntoken-file = \"{_box.Below("gone")}\"");
        (await _box.RunAsync("config", "check")).ShouldFail(2, "[notify.phone]", _box.Below("gone"), "does not exist", "chmod 600");
        await _box.BackUpAsync();
        (await _box.RunAsync("notify", "test")).ShouldFail(1, "[notify.phone] was not told", _box.Below("gone"));
    }

    [Fact]
    public async Task A_unit_that_fails_is_told_with_its_result_and_its_last_words()
    {
        await using StackMachine machine = await StackMachine.StartAsync();
        await machine.ConfigureAsync($"[notify.script]\nkind = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {machine.Below("told")}\"]");
        await machine.Systemd.WriteUnitsAsync(
            ("backup@.service", "[Unit]\nOnFailure=backup-failure@%n.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo my last words; exit 7'"),
            ("backup-failure@.service", $"[Service]\nType=oneshot\nExecStart={machine.Binary} notify unit-failed %i --config {machine.ConfigFile}"));
        (await machine.Systemd.TryExecAsync("systemctl", "start", "backup@nightly.service")).Status.Should().NotBe(0, "the premise");
        await machine.UntilAsync($"test -s {machine.Below("told")}", seconds: 60);
        JsonElement told = JsonDocument.Parse(File.ReadLines(machine.Below("told")).First()).RootElement;
        (told.GetProperty("kind").GetString(), told.GetProperty("schedule").GetString(), told.GetProperty("title").GetString()).Should().Be(("failure", "nightly", "backup@nightly.service failed: exit-code"));
        told.GetProperty("lines").EnumerateArray().Select(static line => line.GetString()).Should().Contain(line => line!.EndsWith("my last words", StringComparison.Ordinal));

        // The mark that a run leaves which has told of its failure itself.
        string invocation = (await machine.LookAsync("backup@nightly.service"))["backup@nightly.service"].InvocationId;
        Directory.CreateDirectory(System.IO.Path.Combine(machine.State, "notifications"));
        await File.WriteAllTextAsync(System.IO.Path.Combine(machine.State, "notifications", $"told-{invocation}"), "", TestContext.Current.CancellationToken);
        (await machine.RunAsync("notify", "unit-failed", "backup@nightly.service")).ShouldExit(0).Output.Should().Contain("the run has told so itself");
        File.ReadLines(machine.Below("told")).Should().ContainSingle();
    }

    private void ConfigureFor(FakeHttpServer server)
    {
        foreach ((string name, string content) in ((string, string)[])[("token", Token), ("url", $"{server.Url}/{Path}")])
        {
            File.WriteAllText(_box.Below(name), content + "\n");
            File.SetUnixFileMode(_box.Below(name), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        string token = $"token-file = \"{_box.Below("token")}\"";
        _box.Configure($"[state]\npath = \"{_box.Below("state")}\"", "[notify]\ntimeout = \"6s\"",
            $"[notify.dead-man]\nkind = \"ping\"\nurl-file = \"{_box.Below("url")}\"",
            $"[notify.phone]\nkind = \"ntfy\"\nurl = \"{server.Url}\"\ntopic = \"backups\"\n{token}",
            $"[notify.hook]\nkind = \"webhook\"\nurl = \"{server.Url}/hook?key={Path}\"\n{token}\nsigning-key-file = \"{_box.Below("token")}\"",
            $"[notify.room]\nkind = \"matrix\"\nhomeserver = \"{server.Url}\"\nroom = \"#backup:x\"\n{token}",
            $"[notify.script]\nkind = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {_box.Below("told")}\"]",
            $"[notify.closed]\nkind = \"webhook\"\nurl = \"{server.Url}/closed\"",
            $"[notify.nobody]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{FakeHttpServer.FindFreePort()}/\"");
    }
}
