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
        string situation = "";
        foreach (RunbookStep step in runbook.Steps)
        {
            // What is still well need not be made so again.
            if (step.Situation != situation || step.Situation != RunbookSituations.Well)
            {
                await stack.ResetAsync();
                await RunbookSituations.All[step.Situation](stack);
            }
            situation = step.Situation;
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
        runbook.Steps.Select(static step => step.Situation).Distinct().Should().BeEquivalentTo(RunbookSituations.All.Keys);
        string[] run = [.. runbook.Steps.SelectMany(static step => step.Commands)];
        foreach (string command in runbook.MentionedCommands) run.Should().Contain(each => each.Contains(command, StringComparison.Ordinal), "an operator may type it");
    }

    [Fact]
    public async Task Without_the_program_too_latest_is_none_that_a_restore_made_of_what_it_replaced()
    {
        using var box = new Sandbox();
        File.WriteAllText(Path.Combine(box.Source, "file"), "good");
        box.Configure(Sandbox.FilesService("files", box.Source));
        await box.InitAsync();
        await box.BackUpAsync();
        File.WriteAllText(Path.Combine(box.Source, "file"), "replaced");
        (await box.RunAsync("now", "--label", "pre-restore")).ShouldExit(0);

        string target = box.Make("by-sh");
        (await Cli.ShellAsync("sh \"$1/restore.sh\" latest files | tar -x -C \"$2\"", box.Repository, target)).ShouldExit(0);
        File.ReadAllText(target + Path.Combine(box.Source, "file")).Should().Be("good");
        (await Cli.ShellAsync("sh \"$1/restore.sh\"", box.Repository)).ShouldExit(0).Output.Should().Contain("files  (pre-restore)");
    }

    private static Runbook Read()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "BackupTool.sln"))) directory = Path.GetDirectoryName(directory);
        return Runbook.Parse(File.ReadAllText(Path.Combine(directory!, "restore-drills/RUNBOOK.md")));
    }
}
