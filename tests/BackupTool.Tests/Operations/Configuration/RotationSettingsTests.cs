using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Rotation;
using BackupTool.Posix;
using BackupTool.Repositories.Retention;

namespace BackupTool.Tests.Operations.Configuration;

public sealed class RotationSettingsTests
{
    private const string Repository = "[repository]\npath = \"/var/backups/stack\"\n";

    private static BackupConfiguration Parse(string toml) => ConfigurationReader.Parse(BytePath.From("/etc/backup/backup.toml"), Encoding.UTF8.GetBytes(Repository + toml), null);

    private static string[] ErrorsOf(string toml) =>
        [.. FluentActions.Invoking(() => Parse(toml)).Should().Throw<ConfigurationException>().Which.Problems.Where(static problem => !problem.IsWarning).Select(static problem => $"{problem.Line}:{problem.Column} {problem.Message}")];

    [Fact]
    public void Reads_how_long_and_how_thoroughly()
    {
        RotationSettings rotation = Parse("""
            [rotation]
            keep = { last = 3, hourly = 1, daily = 7, weekly = 4, monthly = 12, yearly = 2, within = "48h" }
            grace = "12h"
            max-waste = "12.5%"
            max-repack = "500MiB"
            [rotation.label.pre-upgrade]
            keep = { last = 5 }
            [rotation.label."with space"]
            keep = { yearly = 1 }
            """).Rotation;
        rotation.Keep.Should().Be(new RetentionPolicy { Last = 3, Hourly = 1, Daily = 7, Weekly = 4, Monthly = 12, Yearly = 2, Within = TimeSpan.FromDays(2) });
        (rotation.Grace, rotation.MaxWaste, rotation.MaxRepackBytes).Should().Be((TimeSpan.FromHours(12), 0.125, 500L << 20));
        rotation.Labels.Should().BeEquivalentTo(new Dictionary<string, RetentionPolicy> { ["pre-upgrade"] = new() { Last = 5 }, ["with space"] = new() { Yearly = 1 } });
    }

    [Fact]
    public void Without_it_everything_is_kept_and_packs_are_pruned_gently()
    {
        RotationSettings rotation = Parse("").Rotation;
        rotation.Keep.Should().BeNull();
        rotation.Labels.Should().BeEmpty();
        (rotation.Grace, rotation.MaxWaste, rotation.MaxRepackBytes).Should().Be((TimeSpan.FromDays(1), 0.3, 2L << 30));
    }

    [Theory]
    [InlineData("[rotation]\nkeep = {}", "4:8 `keep` keeps nothing")]
    [InlineData("[rotation]\nkeep = { last = 0, daily = 0 }", "4:8 `keep` keeps nothing")]
    [InlineData("[rotation]\nkeep = 7", "4:8 `keep` in [rotation] must be a table, and is")]
    [InlineData("[rotation]\nkeep = { dayly = 7, last = 1 }", "4:10 unknown key `dayly`")]
    [InlineData("[rotation]\nkeep = { dayly = 7 }", "4:10 unknown key `dayly`")]
    [InlineData("[rotation]\nkeep = { daily = -1, last = 1 }", "4:18 `daily`")]
    [InlineData("[rotation]\nkeep = { daily = -1 }", "4:18 `daily`")]
    [InlineData("[rotation]\nkeep = { daily = \"7\", last = 1 }", "4:18 `daily`")]
    [InlineData("[rotation]\nkeep = { within = \"0s\", last = 1 }", "4:19 `within`")]
    [InlineData("[rotation]\nmax-waste = \"30\"", "4:13 `max-waste` in [rotation] is `30`, which is no share")]
    [InlineData("[rotation]\nmax-waste = \"101%\"", "4:13 `max-waste`")]
    [InlineData("[rotation]\nmax-waste = \"30%%\"", "4:13 `max-waste`")]
    [InlineData("[rotation]\nmax-repack = \"2 gigs\"", "4:14 `max-repack` in [rotation] is `2 gigs`, which is no amount of data")]
    [InlineData("[rotation]\nmax-repack = \"99999999TiB\"", "4:14 `max-repack`")]
    [InlineData("[rotation]\ngrace = \"soon\"", "4:9 `grace`")]
    [InlineData("[rotation]\nkepp = { last = 1 }", "4:1 unknown key `kepp` in [rotation]")]
    [InlineData("[rotation]\nlabel = 1", "4:9 `label` in [rotation] must be a table")]
    [InlineData("[rotation.label]\nkeep = { last = 1 }", "4:1 `keep` stands in [rotation.label], where only labels do")]
    [InlineData("[rotation.label.x]\n", "3:17 [rotation.label.x] has no `keep`")]
    [InlineData("[rotation.label.x]\nkeep = {}", "4:8 `keep` keeps nothing")]
    [InlineData("[rotation.label.x]\nkeep = { last = 1 }\ngrace = \"1d\"", "5:1 unknown key `grace` in [rotation.label.x]")]
    [InlineData("rotation = 3", "unknown key")]
    public void What_is_wrong_is_an_error_with_its_place(string toml, string expected)
    {
        if (toml.StartsWith("rotation", StringComparison.Ordinal)) toml = "\n" + toml;   // below [repository]
        ErrorsOf(toml).Should().ContainSingle().Which.Should().Contain(expected);
    }

    [Fact]
    public void Is_printed_so_that_it_reads_back_the_same()
    {
        foreach (string toml in new[] { "", "[rotation]\nkeep = { hourly = 9, within = \"1d1s\" }\nmax-waste = \"0%\"\nmax-repack = \"0B\"\ngrace = \"0s\"\n[rotation.label.\"a.b \\\"c\\\"\"]\nkeep = { last = 1, yearly = 3 }", "[rotation]\nmax-waste = \"33.333%\"\nmax-repack = \"1025B\"" })
        {
            BackupConfiguration configuration = Parse(toml);
            string printed = ConfigurationPrinter.Print(configuration);
            BackupConfiguration again = ConfigurationReader.Parse(configuration.File, Encoding.UTF8.GetBytes(printed), null);
            again.Rotation.Should().BeEquivalentTo(configuration.Rotation);
            ConfigurationPrinter.Print(again).Should().Be(printed);
        }
    }
}
