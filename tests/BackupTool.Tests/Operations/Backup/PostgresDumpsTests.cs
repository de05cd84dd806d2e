using BackupTool.Operations.Backup;

namespace BackupTool.Tests.Operations.Backup;

public sealed class PostgresDumpsTests
{
    [Theory]
    [InlineData("mautrix-slack", "mautrix-slack.dump")]
    [InlineData("with space", "with%20space.dump")]
    [InlineData("../etc/passwd", "%2E.%2Fetc%2Fpasswd.dump")]
    [InlineData(".hidden", "%2Ehidden.dump")]
    [InlineData("100%", "100%25.dump")]
    [InlineData("ümläut", "%C3%BCml%C3%A4ut.dump")]
    public void Whatever_a_database_is_called_its_dump_has_a_plain_name(string database, string member) =>
        PostgresDumps.MemberOf(database, "dump").ToString().Should().Be($"/postgresql-dumps/{member}");
}
