using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>What an operator copies from restore-drills/RUNBOOK.md does what stands beside it.</summary>
public sealed class RunbookTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Every_command_of_the_runbook_does_what_it_says_in_the_situation_that_it_is_for()
    {
        Runbook runbook = Read();
        await using RunbookStack stack = await RunbookStack.StartAsync();
        var wrong = new List<string>();
        foreach (RunbookStep step in runbook.Steps)
        {
            if (step.Situation != RunbookSituations.AsLeft)
            {
                await stack.ResetAsync();
                await RunbookSituations.All[step.Situation](stack);
            }
            string said = "";
            for (int i = 0; i < step.Commands.Count; i++)
            {
                CliResult result = await stack.RunAsync(step.Commands[i]);
                said += result.Output + result.Error;
                output.WriteLine($"--- {step.Line} {step.Situation}, {result.Elapsed.TotalSeconds:0.0} s: {step.Commands[i]} ==> {result.ExitCode}\n{result.Output}{result.Error}");
                if (result.ExitCode != step.ExitCodes[i]) wrong.Add($"line {step.Line} ({step.Situation}): {step.Commands[i]} ended with {result.ExitCode}, not {step.ExitCodes[i]}:\n{result.Output}{result.Error}");
            }
            wrong.AddRange(step.FindMissing(said).Select(line => $"line {step.Line} ({step.Situation}): not said: {line}\n{said}"));
        }
        wrong.Should().BeEmpty();
    }

    [Fact]
    public void Every_situation_has_its_block_and_every_command_that_is_mentioned_is_run()
    {
        Runbook runbook = Read();
        runbook.Steps.Should().NotBeEmpty();
        runbook.Steps.Select(static step => step.Situation).Distinct().Should().BeEquivalentTo([.. RunbookSituations.All.Keys, RunbookSituations.AsLeft]);
        string[] run = [.. runbook.Steps.SelectMany(static step => step.Commands)];
        foreach (string command in runbook.MentionedCommands) run.Should().Contain(each => each.Contains(command, StringComparison.Ordinal), "an operator may type it");
    }

    private static Runbook Read()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "BackupTool.sln"))) directory = Path.GetDirectoryName(directory);
        return Runbook.Parse(File.ReadAllText(Path.Combine(directory!, "restore-drills/RUNBOOK.md")));
    }
}
