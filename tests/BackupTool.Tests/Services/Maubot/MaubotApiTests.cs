using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Maubot;

public sealed class MaubotApiTests : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly FakeHomeserver _homeserver = new();
    private readonly FakeMaubot _maubot;
    private readonly MaubotApi _api;
    private readonly CancellationToken _none = CancellationToken.None;

    public MaubotApiTests()
    {
        _maubot = FakeMaubot.Start(new FakeMaubotOptions { Directory = _directory.Text });
        _api = new MaubotApi(_maubot.BaseAddress, TimeProvider.System, new MaubotPatience { Request = TimeSpan.FromSeconds(10), Pauses = [TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(10)] });
        _homeserver.AddToken("syt_token_of_a", "@a:x", "DEV");
    }

    private MaubotClientSettings Client => new() { Id = "@a:x", Homeserver = _homeserver.Url, AccessToken = new SecretText("syt_token_of_a"), DeviceId = "DEV" };

    [Fact]
    public async Task Enters_with_a_token_signed_by_the_configurations_secret()
    {
        _api.UseToken(MaubotToken.Sign(new SecretText("a-secret-that-signs-tokens"), MaubotToken.Root, DateTimeOffset.UnixEpoch));
        (await _api.ReadInventoryAsync(_none)).Clients.Should().BeEmpty();
    }

    [Fact]
    public async Task Enters_with_a_password()
    {
        await _api.LogInAsync("admin", new SecretText("correct horse"), _none);
        (await _api.ListPluginsAsync(_none)).Should().BeEmpty();
    }

    [Theory]
    [InlineData("admin", "wrong password")]
    [InlineData("root", "correct horse")]
    [InlineData("nobody", "correct horse")]
    public async Task A_wrong_password_is_explained_without_showing_it(string user, string password)
    {
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.LogInAsync(user, new SecretText(password), _none)).Should().ThrowAsync<MaubotApiException>()).Which;

        e.Failure.Should().Be(MaubotFailure.Unauthorized);
        e.Message.Should().Contain(user).And.Contain("Invalid username or password").And.NotContain(password);
    }

    [Theory]
    [InlineData(null, "auth_token_missing")]
    [InlineData("another secret", "auth_token_invalid")]
    public async Task A_token_that_is_missing_or_of_another_secret_is_not_taken(string? secret, string code)
    {
        if (secret is not null) _api.UseToken(MaubotToken.Sign(new SecretText(secret), MaubotToken.Root, DateTimeOffset.UnixEpoch));
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.ListClientsAsync(_none)).Should().ThrowAsync<MaubotApiException>()).Which;
        (e.Failure, e.ErrorCode).Should().Be((MaubotFailure.Unauthorized, code));
        e.Hint.Should().Contain("unshared_secret");
    }

    [Fact]
    public async Task A_client_is_created_once_and_then_set()
    {
        await EnterAsync();

        (await _api.PutClientAsync(Client, _none)).Should().BeTrue();
        (await _api.PutClientAsync(Client with { Autojoin = false }, _none)).Should().BeFalse();

        MaubotClientState seen = (await _api.ListClientsAsync(_none)).Should().ContainSingle().Which;
        seen.Settings.Should().Be(Client with { Autojoin = false });
    }

    [Fact]
    public async Task A_client_of_somebody_elses_token_is_refused_and_not_made()
    {
        await EnterAsync();
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.PutClientAsync(Client with { Id = "@b:x" }, _none)).Should().ThrowAsync<MaubotApiException>()).Which;

        (e.Failure, e.StatusCode, e.ErrorCode).Should().Be((MaubotFailure.Refused, 400, "mxid_mismatch"));
        (await _api.ListClientsAsync(_none)).Should().BeEmpty();
    }

    [Fact]
    public async Task A_maubot_that_creates_clients_only_at_client_new_is_served_too()
    {
        await EnterAsync();
        _maubot.Interfere = request => request == "PUT client/@a:x" ? (404, """{"error": "Client not found", "errcode": "client_not_found"}""") : null;
        (await _api.PutClientAsync(Client, _none)).Should().BeTrue();
        _maubot.Requests.Should().Contain("POST client/new");
    }

    [Fact]
    public async Task Clearing_the_cache_forgets_the_sync_token_and_the_filter()
    {
        await EnterAsync();
        await _api.PutClientAsync(Client with { Enabled = false }, _none);
        _maubot.Store.Execute("UPDATE client SET next_batch = 's1', filter_id = '2'");

        await _api.ClearCacheAsync("@a:x", _none);

        _maubot.Store.Query("SELECT next_batch || filter_id AS both FROM client")[0]["both"].Should().Be("");
        await FluentActions.Awaiting(() => _api.ClearCacheAsync("@b:x", _none)).Should().ThrowAsync<MaubotApiException>().WithMessage("*Client not found*");
    }

    [Fact]
    public async Task A_plugin_that_is_there_is_not_replaced()
    {
        await EnterAsync();
        File.WriteAllBytes(_directory.Below("echo.mbp"), FakePlugin.Make("xyz.echo", "1.0"));

        (await _api.UploadPluginAsync(BytePath.From(_directory.Below("echo.mbp")), _none)).Should().BeTrue();
        (await _api.UploadPluginAsync(BytePath.From(_directory.Below("echo.mbp")), _none)).Should().BeFalse();

        (await _api.ListPluginsAsync(_none)).Should().Equal(new MaubotPluginState("xyz.echo", "1.0"));
    }

    [Fact]
    public async Task What_maubot_says_is_shown_without_the_secrets_in_it()
    {
        await EnterAsync();
        _maubot.Interfere = request => request.StartsWith("PUT client", StringComparison.Ordinal) ? (400, """{"error": "Bad\u001b[1m token syt_token_of_a!\n", "errcode": "bad_client_access_token"}""") : null;
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.PutClientAsync(Client, _none)).Should().ThrowAsync<MaubotApiException>()).Which;

        e.Message.Should().Contain("token ***!").And.NotContain("syt_").And.NotContain("\u001b").And.NotContain("\n");
    }

    [Fact]
    public async Task A_request_that_maubot_fails_at_is_sent_again()
    {
        await EnterAsync();
        int failures = 2;
        _maubot.Interfere = _ => failures-- > 0 ? (503, "<html>nginx</html>") : null;
        (await _api.ListClientsAsync(_none)).Should().BeEmpty();

        failures = 9;
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.ListClientsAsync(_none)).Should().ThrowAsync<MaubotApiException>()).Which;
        (e.Failure, e.StatusCode).Should().Be((MaubotFailure.Failed, 503));
    }

    [Fact]
    public async Task A_request_that_is_refused_is_not_sent_again()
    {
        await EnterAsync();
        await FluentActions.Awaiting(() => _api.PutInstanceAsync(new() { Id = "echo", Type = "none", PrimaryUser = "@a:x", Config = new SecretText("") }, null, _none)).Should()
            .ThrowAsync<MaubotApiException>().WithMessage("*Client for given primary user not found (HTTP 404, primary_user_not_found)*");
        _maubot.Requests.Should().ContainSingle(request => request.StartsWith("PUT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_part_of_the_interface_that_is_switched_off_is_named()
    {
        await EnterAsync();
        _maubot.Interfere = _ => (404, """{"error": "Resource not found", "errcode": "resource_not_found"}""");
        (await FluentActions.Awaiting(() => _api.PutClientAsync(Client, _none)).Should().ThrowAsync<MaubotApiException>()).Which.Hint.Should().Contain("api_features");
    }

    [Theory]
    [InlineData("[{\"id\": 3}]")]
    [InlineData("<html>")]
    [InlineData("null")]
    [InlineData("[{\"version\": \"1\"}]")]
    public async Task An_answer_that_no_maubot_gives_is_explained_without_quoting_it(string answer)
    {
        await EnterAsync();
        _maubot.Interfere = _ => (200, answer);
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.ListPluginsAsync(_none)).Should().ThrowAsync<MaubotApiException>()).Which;
        (e.Failure, e.ConcernsOnlyThisRequest).Should().Be((MaubotFailure.Unreachable, false));
        e.Message.Should().NotContain(answer);
    }

    [Fact]
    public async Task Nobody_listening_is_explained()
    {
        await _maubot.DisposeAsync();
        MaubotApiException e = (await FluentActions.Awaiting(() => _api.ListClientsAsync(_none)).Should().ThrowAsync<MaubotApiException>()).Which;
        e.Failure.Should().Be(MaubotFailure.Unreachable);
        e.Message.Should().Contain("connection refused").And.Contain("127.0.0.1");
    }

    private Task EnterAsync() => _api.LogInAsync("admin", new SecretText("correct horse"), _none);

    public async ValueTask DisposeAsync()
    {
        _api.Dispose();
        await _maubot.DisposeAsync();
        await _homeserver.DisposeAsync();
        _directory.Dispose();
    }
}
