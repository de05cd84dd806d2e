using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Services.Profiles;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Maubot;

public sealed class MaubotManagementTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("server: {hostname: 0.0.0.0, port: 29316}", "http://127.0.0.1:29316/_matrix/maubot/v1/")]
    [InlineData("server: {hostname: localhost, port: 1}", "http://127.0.0.1:1/_matrix/maubot/v1/")]
    [InlineData("server: {hostname: '::', port: 29316}", "http://[::1]:29316/_matrix/maubot/v1/")]
    [InlineData("server: {}", "http://127.0.0.1:29316/_matrix/maubot/v1/")]
    [InlineData("server: {port: 29316, base_path: /old/api/}", "http://127.0.0.1:29316/old/api/")]
    public void The_address_is_the_one_that_maubot_listens_on(string yaml, string address) => Read(yaml).BaseAddress.AbsoluteUri.Should().Be(address);

    [Fact]
    public void A_configuration_that_does_not_say_where_maubot_listens_is_refused() =>
        FluentActions.Invoking(() => Read("server: {port: none}")).Should().Throw<ServiceLayoutException>().Which.Hint.Should().Contain("server.port");

    [Theory]
    [InlineData("server: {unshared_secret: generate}")]
    [InlineData("server: {unshared_secret: null}")]
    [InlineData("server: {}")]
    public void A_secret_that_is_not_made_yet_is_explained_with_who_could_log_in(string yaml)
    {
        MaubotManagement management = Read($"{yaml}\nadmins: {{root: '', zoe: $2b$12$x, nobody: ''}}");

        management.UnsharedSecret.Should().BeNull();
        management.AdminsWithPassword.Should().Equal("zoe");
        FluentActions.Invoking(() => management.SignToken(BytePath.From("/c.yaml"), TimeProvider.System)).Should().Throw<MaubotApiException>().Which.Hint.Should().Contain("as zoe");
    }

    [Fact]
    public void The_secret_is_read_and_never_shown()
    {
        MaubotManagement management = Read("server: {unshared_secret: abcdef}");

        management.UnsharedSecret!.Reveal().Should().Be("abcdef");
        management.ToString().Should().NotContain("abcdef");
        management.SignToken(BytePath.From("/c.yaml"), TimeProvider.System).Reveal().Should().Contain(":");
    }

    private MaubotManagement Read(string yaml)
    {
        File.WriteAllText(_directory.Below("config.yaml"), yaml);
        return MaubotManagement.Read(BytePath.From(_directory.Below("config.yaml")), "maubot");
    }

    public void Dispose() => _directory.Dispose();
}
