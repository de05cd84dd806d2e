using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using BackupTool.Operations.Notifications;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary>What each kind of channel says, to a real listener.</summary>
public sealed class ChannelTests : IAsyncLifetime
{
    private readonly Listener _listener = new();

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync() => _listener.DisposeAsync();

    [Theory]
    [InlineData(NotifyKind.Start, "/uuid/start")]
    [InlineData(NotifyKind.Success, "/uuid")]
    [InlineData(NotifyKind.Warning, "/uuid")]
    [InlineData(NotifyKind.Recovery, "/uuid")]
    [InlineData(NotifyKind.Failure, "/uuid/fail")]
    [InlineData(NotifyKind.Stale, "/uuid/fail")]
    [InlineData(NotifyKind.Test, "/uuid/log")]
    public async Task A_ping_says_by_its_path_how_it_went(NotifyKind kind, string path)
    {
        (await _listener.TryAsync(_listener.Ping(), Listener.Event(kind))).IsTold.Should().BeTrue();
        FakeHttpRequest request = _listener.Requests.Single();
        (request.Method, request.RawPath).Should().Be(("POST", path));
        request.Text.Should().StartWith("stack: nightly failed: backup ended with 1\nmaubot does not stop\n<b>ü</b> & more\n").And.Contain("took 2 min 05 s").And.Contain("exit code 1").And.Contain("snapshot 0123456789ab");
    }

    [Fact]
    public async Task A_ping_keeps_the_query_and_puts_the_schedule_into_the_address()
    {
        (await _listener.TryAsync(_listener.Ping($"{_listener.Url}/key/{{schedule}}?create=1"), Listener.Event(schedule: "every hour"))).IsTold.Should().BeTrue();
        FakeHttpRequest request = _listener.Requests.Single();
        (request.RawPath, request.Query("create")).Should().Be(("/key/every%20hour/fail", "1"));
    }

    [Fact]
    public async Task An_address_per_schedule_is_not_pinged_for_what_no_schedule_does()
    {
        PingSettings ping = _listener.Ping($"{_listener.Url}/key/{{schedule}}");
        (await _listener.Notifier(ping).SendAsync(Listener.Event(NotifyKind.Stale, schedule: null), Test.Token)).Should().BeEmpty();
        ChannelAnswer trial = await _listener.TryAsync(ping, Listener.Event(NotifyKind.Test, schedule: null));
        (trial.IsTold, trial.Answer).Should().Be((false, "nothing to ping: the address is one per schedule, and this is about none"), "a trial that sent nothing is no success");
        _listener.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task A_ping_has_a_body_of_ten_kilobytes_at_most()
    {
        await _listener.TryAsync(_listener.Ping(), Listener.Event() with { Lines = [.. Enumerable.Repeat(new string('ü', 400), 50)] });
        _listener.Requests.Single().Body.Length.Should().BeInRange(9_900, 10_000);
        _listener.Requests.Single().Text.Should().EndWith("ü…");
    }

    [Theory]
    [InlineData("OK (not found)", "no such check")]
    [InlineData("OK (rate limited)", "too many pings")]
    public async Task A_ping_that_was_dropped_with_200_is_not_told(string answer, string says)
    {
        await using Listener listener = Listener.Answering(_ => new FakeHttpAnswer(200, Encoding.UTF8.GetBytes(answer)));
        ChannelAnswer told = await new Listener { Timeout = TimeSpan.FromSeconds(3) }.TryAsync(_listener.Ping($"{listener.Url}/x"));
        told.IsTold.Should().BeFalse();
        told.Answer.Should().Contain(says);
    }

    [Fact]
    public async Task Ntfy_gets_title_priority_tags_and_token()
    {
        NtfySettings ntfy = _listener.Ntfy() with { Tags = ["house"] };
        (await _listener.TryAsync(ntfy)).IsTold.Should().BeTrue();
        FakeHttpRequest request = _listener.Requests.Single();
        (request.Method, request.RawPath).Should().Be(("POST", "/backups"));
        (request.Header("Title"), request.Header("Priority"), request.Header("Tags"), request.Header("Authorization")).Should()
            .Be(("stack: nightly failed: backup ended with 1", "4", "rotating_light,house", $"Bearer {Listener.Secret}"));
        request.Text.Should().StartWith("maubot does not stop\n<b>ü</b> & more\n");
    }

    [Fact]
    public async Task Ntfy_takes_priorities_from_the_configuration_the_topic_from_the_address_and_titles_of_any_script()
    {
        NtfySettings ntfy = _listener.Ntfy($"{_listener.Url}/in/the-address") with { Topic = null, Token = null, Priorities = new Dictionary<NotifyKind, int> { [NotifyKind.Warning] = 1 } };
        await _listener.TryAsync(ntfy, Listener.Event(NotifyKind.Warning) with { Title = "Störung\r\nX-Evil: 1" });
        FakeHttpRequest request = _listener.Requests.Single();
        (request.RawPath, request.Header("Priority"), request.Header("Authorization"), request.Header("X-Evil")).Should().Be(("/in/the-address", "1", null, null));
        request.Header("Title").Should().Be($"=?UTF-8?B?{Convert.ToBase64String(Encoding.UTF8.GetBytes("stack: Störung  X-Evil: 1"))}?=");
    }

    [Fact]
    public async Task A_webhook_gets_this_document()
    {
        (await _listener.TryAsync(_listener.Webhook())).IsTold.Should().BeTrue();
        FakeHttpRequest request = _listener.Requests.Single();
        (request.Method, request.RawPath, request.Header("Content-Type"), request.Header("Authorization"), request.Header("X-Backup-Signature")).Should().Be(("POST", "/hook", "application/json", null, null));
        JsonElement document = JsonDocument.Parse(request.Body).RootElement;
        string id = document.GetProperty("id").GetString()!;
        request.Header("Idempotency-Key").Should().Be(id).And.HaveLength(32);
        JsonElement expected = JsonDocument.Parse($$"""
            {"version":1,"id":"{{id}}","kind":"failure","host":"stack","schedule":"nightly","time":"2026-11-23T02:31:00+01:00","title":"nightly failed: backup ended with 1",
             "lines":["maubot does not stop","<b>ü</b> & more"],"exitCode":1,"durationSeconds":125,"snapshot":"0123456789abcdef0123456789abcdef","late":false}
            """).RootElement;
        JsonElement.DeepEquals(document, expected).Should().BeTrue(request.Text);
    }

    [Fact]
    public async Task A_webhook_is_signed_and_carries_its_token_in_the_header_that_is_wanted()
    {
        await _listener.TryAsync(_listener.Webhook() with { Token = _listener.Token(), TokenHeader = "X-Api-Key", SigningKey = _listener.Token("signing-key", "the key\n") });
        FakeHttpRequest request = _listener.Requests.Single();
        (request.Header("X-Api-Key"), request.Header("Authorization")).Should().Be((Listener.Secret, null));
        request.Header("X-Backup-Signature").Should().Be("sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData("the key"u8, request.Body)));
    }

    [Fact]
    public async Task A_secret_address_may_hold_user_and_password()
    {
        await _listener.TryAsync(_listener.Webhook() with { Url = new NotifyAddress { Secret = _listener.Token("url", _listener.Url.Replace("http://", "http://me:pa%20ss@", StringComparison.Ordinal) + "/x?y=1") } });
        FakeHttpRequest request = _listener.Requests.Single();
        (request.RawPath, request.Query("y"), request.Header("Authorization")).Should().Be(("/x", "1", "Basic " + Convert.ToBase64String("me:pa ss"u8)));
    }

    [Fact]
    public async Task A_room_is_told_in_plain_text_and_in_escaped_HTML()
    {
        (await _listener.TryAsync(_listener.Matrix())).IsTold.Should().BeTrue();
        FakeHttpRequest request = _listener.Requests.Single();
        request.Method.Should().Be("PUT");
        request.RawPath.Should().MatchRegex("^/_matrix/client/v3/rooms/(!|%21)room(:|%3A)example.org/send/m.room.message/backup-[0-9a-f]{32}$");
        request.Header("Authorization").Should().Be($"Bearer {Listener.Secret}");
        JsonElement message = JsonDocument.Parse(request.Body).RootElement;
        message.GetProperty("msgtype").GetString().Should().Be("m.text");
        message.GetProperty("body").GetString().Should().StartWith("stack: nightly failed: backup ended with 1\nmaubot does not stop\n<b>ü</b> & more\n");
        message.GetProperty("format").GetString().Should().Be("org.matrix.custom.html");
        message.GetProperty("formatted_body").GetString().Should().StartWith("<strong>stack: nightly failed: backup ended with 1</strong><br>maubot does not stop<br>&lt;b&gt;").And.Contain("&lt;/b&gt; &amp; more");
    }

    [Theory]
    [InlineData(MatrixMessage.Automatic, NotifyKind.Recovery, "m.notice")]
    [InlineData(MatrixMessage.Automatic, NotifyKind.Stale, "m.text")]
    [InlineData(MatrixMessage.Notice, NotifyKind.Failure, "m.notice")]
    [InlineData(MatrixMessage.Text, NotifyKind.Test, "m.text")]
    public async Task A_room_hears_a_sound_for_what_is_wrong_or_as_it_is_configured(MatrixMessage message, NotifyKind kind, string type)
    {
        await _listener.TryAsync(_listener.Matrix() with { Message = message }, Listener.Event(kind));
        JsonDocument.Parse(_listener.Requests.Single().Body).RootElement.GetProperty("msgtype").GetString().Should().Be(type);
    }

    [Fact]
    public async Task An_alias_is_looked_up()
    {
        await using var listener = new Listener((request, _) => Task.FromResult(FakeHttpAnswer.Json(200, request.Method == "GET" ? """{"room_id":"!id:x","servers":[]}""" : """{"event_id":"$1"}""")));
        (await listener.TryAsync(listener.Matrix("#backup:example.org"))).IsTold.Should().BeTrue();
        listener.Requests[0].RawPath.Should().Be("/_matrix/client/v3/directory/room/%23backup%3Aexample.org");
        Uri.UnescapeDataString(listener.Requests[1].RawPath).Should().StartWith("/_matrix/client/v3/rooms/!id:x/send/");
    }

    [Theory]
    [InlineData(403, "M_FORBIDDEN", "must have joined the room")]
    [InlineData(401, "M_UNKNOWN_TOKEN", "the access token is not valid")]
    [InlineData(404, "M_NOT_FOUND", "no such room")]
    public async Task A_homeserver_that_refuses_is_understood(int status, string code, string says)
    {
        await using Listener listener = Listener.Answering(_ => FakeHttpAnswer.Json(status, $$"""{"errcode":"{{code}}","error":"about {{Listener.Secret}}"}"""));
        ChannelAnswer answer = await listener.TryAsync(listener.Matrix());
        (answer.IsTold, answer.Attempts).Should().Be((false, 1));
        answer.Answer.Should().Contain(code).And.Contain(says).And.NotContain(Listener.Secret);
    }

    [Fact]
    public async Task A_page_that_is_no_homeserver_is_no_success()
    {
        await using Listener listener = Listener.Answering(static _ => new FakeHttpAnswer(200, "<html>welcome</html>"u8.ToArray()));
        ChannelAnswer answer = await listener.TryAsync(listener.Matrix());
        (answer.IsTold, answer.Answer).Should().Be((false, $"HTTP 200 from {new Uri(listener.Url).Authority}: this is no answer of a homeserver: is `homeserver` its address?"));
    }

    [Fact]
    public async Task A_command_gets_the_event_on_its_input_and_in_its_environment()
    {
        string input = _listener.Below("input"), environment = _listener.Below("environment");
        ChannelAnswer answer = await _listener.TryAsync(Listener.Command($"cat > {input}; echo \"$BACKUP_EVENT|$BACKUP_HOST|$BACKUP_SCHEDULE|$BACKUP_TITLE|$BACKUP_EXIT_CODE|$BACKUP_SNAPSHOT\" > {environment}"));
        (answer.IsTold, answer.Answer).Should().Be((true, "/bin/sh ended with 0"));
        File.ReadAllText(environment).Should().Be("failure|stack|nightly|nightly failed: backup ended with 1|1|0123456789abcdef0123456789abcdef\n");
        JsonDocument.Parse(File.ReadAllText(input)).RootElement.GetProperty("kind").GetString().Should().Be("failure");
    }

    [Fact]
    public async Task A_command_that_fails_says_why_and_is_not_run_again()
    {
        string runs = _listener.Below("runs");
        ChannelAnswer answer = await _listener.TryAsync(Listener.Command($"echo x >> {runs}; echo one >&2; echo 'no mail today' >&2; exit 4"));
        (answer.IsTold, answer.Answer, answer.Attempts).Should().Be((false, "/bin/sh ended with 4: no mail today", 1));
        File.ReadAllText(runs).Should().Be("x\n");
    }

    [Fact]
    public async Task A_command_that_reads_nothing_and_writes_much_is_well()
    {
        NotifyEvent much = Listener.Event() with { Lines = [new string('x', 1_000_000)] };
        (await _listener.TryAsync(Listener.Command("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"), much)).IsTold.Should().BeTrue();
    }

    [Fact]
    public async Task A_command_that_does_not_end_is_killed_with_its_children()
    {
        string child = _listener.Below("child");
        await using var impatient = new Listener { Timeout = TimeSpan.FromSeconds(2) };
        ChannelAnswer answer = await impatient.TryAsync(Listener.Command($"sleep 1000 & echo $! > {child}; wait"));
        answer.IsTold.Should().BeFalse();
        answer.Answer.Should().Contain("did not end within 2 s, and was killed");
        string status = $"/proc/{File.ReadAllText(child).Trim()}/status";
        for (int i = 0; i < 600 && IsAlive(status); i++) await Task.Delay(50, Test.Token);
        IsAlive(status).Should().BeFalse("its child is gone too");
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_named()
    {
        ChannelAnswer answer = await _listener.TryAsync(Listener.Command("") with { Command = ["/no/such/program"] });
        (answer.IsTold, answer.Answer).Should().Be((false, "/no/such/program cannot be run: No such file or directory"));
    }

    private static bool IsAlive(string status)
    {
        try
        {
            return !File.ReadAllText(status).Contains("State:\tZ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
