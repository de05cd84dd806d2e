using System.Text;
using BackupTool.Operations.Installation;

namespace BackupTool.Tests.Operations.Installation;

/// <summary>What is done to each file, by what is there and what was installed before.</summary>
public sealed class InstallPlanTests
{
    private static readonly InstallRecord Record = new()
    {
        FormatVersion = 1,
        Mode = InstallMode.Timer,
        Program = "/backup",
        Credentials = [],
        Files = [new InstalledFile("/ours", [InstallRecord.HashOf("old\n"u8.ToArray())]), new InstalledFile("/changed", [InstallRecord.HashOf("old\n"u8.ToArray())])],
        Enabled = ["a.timer", "b.timer"],
    };

    [Theory]
    [InlineData("/new", null, "text\n", FileStep.Create)]
    [InlineData("/foreign", "theirs\n", "text\n", FileStep.Overwrite)]
    [InlineData("/foreign", "text\n", "text\n", FileStep.Keep)]
    [InlineData("/ours", "old\n", "text\n", FileStep.Update)]
    [InlineData("/ours", null, "text\n", FileStep.Create)]
    [InlineData("/changed", "mine\n", "text\n", FileStep.Overwrite)]
    [InlineData("/ours", "old\n", null, FileStep.Remove)]
    [InlineData("/changed", "mine\n", null, FileStep.Leave)]
    public void What_we_wrote_is_ours_to_change_and_what_others_wrote_is_not(string path, string? there, string? wanted, FileStep step)
    {
        var files = new Dictionary<string, string>();
        if (wanted is not null) files[path] = wanted;
        InstallPlan plan = InstallPlan.Make(files, new Dictionary<string, string>(), [], Record, name => name == path && there is not null ? Encoding.UTF8.GetBytes(there) : null);
        plan.Units.Single(file => file.Path == path).Step.Should().Be(step);
    }

    [Fact]
    public void A_configuration_that_is_there_is_not_touched_and_what_is_enabled_no_more_is_disabled()
    {
        InstallPlan plan = InstallPlan.Make(new Dictionary<string, string>(), new Dictionary<string, string> { ["/there"] = "x", ["/missing"] = "y" }, ["b.timer", "c.timer"], Record, static path => path == "/there" ? "mine"u8.ToArray() : null);
        plan.Configuration.Should().ContainSingle().Which.Path.Should().Be("/missing");
        plan.Disabled.Should().Equal("a.timer");
        plan.Enabled.Should().Equal("b.timer", "c.timer");
    }

    [Fact]
    public void A_difference_is_shown_as_diff_shows_it()
    {
        string before = string.Concat(Enumerable.Range(1, 20).Select(static i => $"line {i}\n")), after = before.Replace("line 5\n", "line five\nand more\n").Replace("line 19\n", "");
        UnifiedDiff.Of("/a", before, after).Should().Be("""
            --- /a
            +++ /a
            @@ -2,7 +2,8 @@
             line 2
             line 3
             line 4
            -line 5
            +line five
            +and more
             line 6
             line 7
             line 8
            @@ -16,5 +17,4 @@
             line 16
             line 17
             line 18
            -line 19
             line 20

            """);
        UnifiedDiff.Of("/a", null, "x\n").Should().Be("--- /dev/null\n+++ /a\n@@ -0,0 +1 @@\n+x\n");
        UnifiedDiff.Of("/a", "x\n", "x\n").Should().BeEmpty();
    }
}
