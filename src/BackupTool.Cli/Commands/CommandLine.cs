using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using BackupTool.Cli.Output;

namespace BackupTool.Cli.Commands;

/// <summary>The whole command line: its commands, its help, and what a mistake in it gets.</summary>
internal static class CommandLine
{
    private const string ExitCodes = """
        Exit codes:
          0 done · 1 failed · 2 usage or configuration · 3 done with warnings (something skipped, and named) · 10 no repository · 11 locked
          12 key missing or wrong · 13 repository damaged · 20 a service is not healthy · 21 rolled back · 75 nothing to do · 130 cancelled
        """;

    internal static async Task<int> RunAsync(string[] args)
    {
        try
        {
            return await ParseAndRunAsync(args);
        }
        // Commands write through a terminal that never fails; help does not.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            using Terminal terminal = Terminal.ForProcess(noColor: false, Verbosity.Normal);
            terminal.Error($"standard output cannot be written: {e.InnerException?.Message ?? e.Message}");
            return (int)ExitCode.Failed;
        }
    }

    private static async Task<int> ParseAndRunAsync(string[] args)
    {
        RootCommand root = Create();
        ParseResult parsed = root.Parse(args);
        if (args.Length == 0) return root.Parse("--help").Invoke() == 0 ? (int)ExitCode.Usage : (int)ExitCode.Failed;
        // Asking for help is no error, whatever else is missing.
        if (parsed.Errors.Count == 0 || parsed.Action is HelpWithExitCodes) return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TerminationTimeoutOf(parsed) });
        using Terminal terminal = Terminal.ForProcess(noColor: false, Verbosity.Normal);
        string[] problems = [.. parsed.Errors.Select(static error => error.Message).Distinct()];
        // A command that was mistyped is there, only not known: that it is missing would be said besides.
        if (parsed.UnmatchedTokens.Count > 0) problems = [.. problems.Where(static message => message != "Required command was not provided.")];
        terminal.Error($"{string.Join("\n", problems)}\n  → Run 'backup {string.Concat(NamesOf(parsed.CommandResult.Command).Reverse())}--help'.");
        return (int)ExitCode.Usage;
    }

    /// <summary>How long a command that was told to end may take; null for the agent, which hears signals itself.</summary>
    private static TimeSpan? TerminationTimeoutOf(ParseResult parsed) => parsed.CommandResult.Command.Name == AgentCommand.Name ? null : TimeSpan.FromMinutes(10);

    private static RootCommand Create()
    {
        var host = new CommandHost();
        var root = new RootCommand("Backs up a self-hosted Matrix stack, and restores it.")
        {
            InitCommand.Create(host),
            NowCommand.Create(host),
            RunCommand.Create(host),
            SchedulesCommand.Create(host),
            ListCommand.Create(host),
            ShowCommand.Create(host),
            DiffCommand.Create(host),
            FindCommand.Create(host),
            VerifyCommand.Create(host),
            RestoreCommand.Create(host),
            RollbackCommand.Create(host),
            WipeCommand.Create(host),
            RecoverCommand.Create(host),
            ExportCommand.Create(host),
            ImportCommand.Create(host),
            RotateCommand.Create(host),
            ForgetCommand.Create(host),
            PinCommand.Create(host),
            PinCommand.CreateUnpin(host),
            PruneCommand.Create(host),
            RepairCommand.Create(host),
            StatusCommand.Create(host),
            AgentCommand.Create(host),
            HealthCommand.Create(host),
            NotifyCommand.Create(host),
            ConfigCommand.Create(host),
            InstallCommand.Create(host),
            UninstallCommand.Create(host),
            DemoCommand.Create(host),
            DemoCommand.CreateWriter(host),
        };
        foreach (Option option in host.Options.All) root.Options.Add(option);
        foreach (HelpOption help in root.Options.OfType<HelpOption>()) help.Action = new HelpWithExitCodes((HelpAction)help.Action!);
        return root;
    }

    private static IEnumerable<string> NamesOf(Command command)
    {
        for (Command? at = command; at is not null and not RootCommand; at = at.Parents.OfType<Command>().FirstOrDefault()) yield return $"{at.Name} ";
    }

    private sealed class HelpWithExitCodes(HelpAction help) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int code = help.Invoke(parseResult);
            parseResult.InvocationConfiguration.Output.WriteLine(ExitCodes);
            return code;
        }
    }
}
