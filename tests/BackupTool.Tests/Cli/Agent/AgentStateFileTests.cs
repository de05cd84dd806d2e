using BackupTool.Cli.Agent;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Cli.Agent;

public sealed class AgentStateFileTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    private BytePath State => BytePath.From(_there.Below("state"));

    private string File => _there.Below("state/agent.json");

    [Fact]
    public void What_was_written_is_read_again()
    {
        AgentMemory memory = Nights.Begin("2026-03-01 12:00", Nights.Schedule("nightly", zone: "Europe/Berlin", jitter: "10m")).Until("2026-03-02 12:00").Due.Memory;
        using (AgentStateFile file = AgentStateFile.Hold(State)) file.Write(memory);
        using AgentStateFile again = AgentStateFile.Hold(State);
        AgentMemory read = again.Read(out string? problem);
        problem.Should().BeNull();
        read.Schedules.Should().Equal(memory.Schedules);
        Directory.GetFiles(_there.Below("state")).Select(Path.GetFileName).Should().BeEquivalentTo("agent.json", "agent.lock");
        System.IO.File.GetUnixFileMode(File).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void Nothing_is_remembered_where_nothing_is_and_that_is_no_problem()
    {
        using AgentStateFile file = AgentStateFile.Hold(State);
        file.Read(out string? problem).Schedules.Should().BeEmpty();
        problem.Should().BeNull();
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("{\"version\": 1}")]
    [InlineData("{\"version\": 1, \"schedules\": null}")]
    [InlineData("{\"version\": 1, \"schedules\": {\"a\": null}}")]
    [InlineData("{\"version\": 1, \"schedules\": {\"a\": {\"lastSlot\": \"yesterday\", \"times\": \"x\"}}}")]
    [InlineData("{\"version\": 1, \"schedules\": {\"a\": {\"lastSlot\": \"0001-01-01T00:00:00+00:00\", \"times\": \"x\"}}}")]
    [InlineData("{\"version\": 1, \"schedules\": {\"a\": {\"lastSlot\": \"9999-12-31T23:59:59+00:00\", \"times\": \"x\"}}}")]
    [InlineData("{\"version\": 2, \"schedules\": {}}")]
    public void What_cannot_be_read_is_begun_anew(string content)
    {
        using AgentStateFile file = AgentStateFile.Hold(State);
        System.IO.File.WriteAllText(File, content);
        file.Read(out string? problem).Schedules.Should().BeEmpty();
        problem.Should().NotBeNullOrEmpty();
        file.Write(AgentMemory.Empty);
        file.Read(out problem);
        problem.Should().BeNull();
    }

    [Fact]
    public void A_second_agent_is_refused_and_a_third_after_the_first_is_not()
    {
        using (AgentStateFile.Hold(State))
        {
            FluentActions.Invoking(() => AgentStateFile.Hold(State)).Should().Throw<AgentRunsAlreadyException>().WithMessage("*agent.lock*");
        }
        AgentStateFile.Hold(State).Dispose();
    }
}
