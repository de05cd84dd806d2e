using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Services.Maubot;

namespace BackupTool.Tests.Operations.Reseed;

public sealed class MaubotReseedPlanTests
{
    [Fact]
    public async Task Planning_changes_nothing()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();

        MaubotReseedPlan plan = await stage.PlanAsync(seed);

        plan.IsWhole.Should().BeTrue();
        plan.Plugins.Select(plugin => plugin.Action).Should().Equal(ReseedAction.Leave, ReseedAction.Create);
        plan.Clients.Should().OnlyContain(client => client.Action == ReseedAction.Create);
        plan.Instances.Should().OnlyContain(instance => instance.Action == ReseedAction.Create);
        stage.Maubot.Requests.Should().Equal("GET plugins", "GET clients", "GET instances");
        plan.ToString().Should().NotContain("syt_");
    }

    [Fact]
    public async Task Another_version_of_a_plugin_that_is_there_stays_and_is_told()
    {
        await using var stage = new ReseedStage();
        stage.AddPlugin("xyz.echo", "1.0");
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");
        await stage.LeaveOnDiskAsync("xyz.echo", "1.1");

        MaubotReseedReport report = await stage.RunAsync(stage.ReadSeed());

        ReseededPlugin plugin = report.Plugins.Should().ContainSingle().Which;
        plugin.Outcome.Should().Be(ReseedOutcome.AlreadyThere);
        plugin.Reason.Should().Be("version 1.1 is there and stays; the snapshot has 1.0");
    }

    [Fact]
    public async Task What_cannot_be_made_is_said_before_anything_is_done()
    {
        await using var stage = new ReseedStage();
        stage.AddPlugin("xyz.echo", "1.0");
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");
        stage.AddClient("@tokenless:x", "", "");
        stage.AddInstance("Upper", "xyz.echo", "@a:x");
        stage.AddInstance("noplugin", "xyz.gone", "@a:x");
        stage.AddInstance("notoken", "xyz.echo", "@tokenless:x");

        MaubotReseedPlan plan = await stage.PlanAsync(stage.ReadSeed(), new ClientPasswords([KeyValuePair.Create("@stranger:x", new SecretText("p"))]));

        plan.IsWhole.Should().BeFalse();
        plan.Clients.Single(client => client.Client.Id == "@tokenless:x").Should().Match<PlannedClient>(client => client.Action == ReseedAction.Impossible && client.Reason.Contains("access token"));
        plan.Instances.Should().OnlyContain(instance => instance.Action == ReseedAction.Impossible);
        plan.Instances.Select(instance => instance.Reason).Should().SatisfyRespectively(
            reason => reason.Should().Contain("lower case"), reason => reason.Should().Contain("xyz.gone"), reason => reason.Should().Contain("@tokenless:x"));
        plan.Warnings.Should().ContainSingle().Which.Should().Contain("@stranger:x");
    }

    [Fact]
    public async Task Damaged_and_doubled_plugins_are_left_out_and_told()
    {
        await using var stage = new ReseedStage();
        stage.AddPlugin("xyz.echo", "1.9");
        stage.AddPlugin("xyz.echo", "1.10");
        File.WriteAllText(Path.Combine(stage.SnapshotPlugins, "broken.mbp"), "no zip");
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");

        MaubotSeed seed = stage.ReadSeed();

        seed.Plugins.Should().ContainSingle().Which.Version.Should().Be("1.10");
        seed.Problems.Should().HaveCount(2).And.Contain(problem => problem.Contains("broken.mbp")).And.Contain(problem => problem.Contains("more than once"));
        (await stage.PlanAsync(seed)).Warnings.Should().BeEquivalentTo(seed.Problems);
    }

    [Fact]
    public async Task A_disabled_client_does_not_make_the_reseed_fail_for_its_instances()
    {
        await using var stage = new ReseedStage();
        stage.AddPlugin("xyz.echo", "1.0");
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA", "0");
        stage.AddInstance("echo", "xyz.echo", "@a:x");
        MaubotSeed seed = stage.ReadSeed();
        await stage.RunAsync(seed);
        await stage.RestartMaubotAsync();

        MaubotReseedReport report = await stage.RunAsync(seed);

        report.IsComplete.Should().BeTrue("it was so in the snapshot");
        report.Clients[0].IsStarted.Should().BeFalse();
    }

    [Theory]
    [InlineData("1.0", "v1.0", true)]
    [InlineData("1.0-beta.2", "1.0b2", true)]
    [InlineData("1.0.RC1", "1.0rc1", true)]
    [InlineData("01.2", "1.2", true)]
    [InlineData("1.0-1", "1.0.post1", true)]
    [InlineData("1.0.dev3", "1.0dev3", true)]
    [InlineData("2.0+ab_c", "2.0+ab.c", true)]
    [InlineData("1.0", "1.0.0", false)]
    [InlineData("1.0", "1.1", false)]
    [InlineData("odd one", "odd one", true)]
    public void Versions_are_the_same_when_maubot_writes_them_the_same(string one, string other, bool same) => PluginVersion.AreSame(one, other).Should().Be(same);

    [Theory]
    [InlineData("1.9", "1.10")]
    [InlineData("1.0b2", "1.0")]
    [InlineData("1.0", "1.0.1")]
    public void The_older_of_two_versions_is_known(string older, string newer)
    {
        PluginVersion.Compare(older, newer).Should().BeNegative();
        PluginVersion.Compare(newer, older).Should().BePositive();
    }
}
