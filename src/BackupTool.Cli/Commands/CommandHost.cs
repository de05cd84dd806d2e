using System.CommandLine;
using BackupTool.Cli.Output;

namespace BackupTool.Cli.Commands;

/// <summary>Builds commands: gives each its context, and turns whatever it throws into text and exit code.</summary>
internal sealed class CommandHost
{
    internal GlobalOptions Options { get; } = new();

    /// <summary>Makes a command that does something.</summary>
    internal Command Create(string name, string description, Func<CommandContext, CancellationToken, Task<ExitCode>> run, params Symbol[] symbols)
    {
        var command = new Command(name, description);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument) command.Arguments.Add(argument);
            else if (symbol is Option option) command.Options.Add(option);
            else command.Subcommands.Add((Command)symbol);
        }
        command.SetAction((parsed, cancellationToken) => RunAsync(parsed, run, cancellationToken));
        return command;
    }

    /// <summary>Half an answer is no success, and a run of which nobody could be told no whole one.</summary>
    private static ExitCode Judge(Terminal terminal, CommandContext context, ExitCode code)
    {
        terminal.Flush();
        if (terminal.OutputFailure is not { } failure) return code;
        terminal.Warn($"standard output could not be written to its end: {failure.InnerException?.Message ?? failure.Message}");
        return code != ExitCode.Done ? code : context.Recorded is null ? ExitCode.Failed : ExitCode.DoneWithWarnings;
    }

    private async Task<int> RunAsync(ParseResult parsed, Func<CommandContext, CancellationToken, Task<ExitCode>> run, CancellationToken cancellationToken)
    {
        Verbosity verbosity = parsed.GetValue(Options.Trace) ? Verbosity.Trace : parsed.GetValue(Options.Verbose) ? Verbosity.Verbose
            : parsed.GetValue(Options.Quiet) ? Verbosity.Quiet : Verbosity.Normal;
        using Terminal terminal = Terminal.ForProcess(parsed.GetValue(Options.NoColor), verbosity);
        using var progress = new ProgressBar(terminal, TimeProvider.System);
        var context = new CommandContext(parsed, Options, terminal, progress);
        using HangUp? hangUp = parsed.CommandResult.Command.Name == AgentCommand.Name ? null : new HangUp(cancellationToken);   // the agent hears them itself
        try
        {
            // Until the caller has our task, a signal ends the process at once and leaves locks and staging behind.
            await Task.Yield();
            ExitCode code = Judge(terminal, context, await run(context, hangUp?.Token ?? cancellationToken));
            await context.EndRecordingAsync(code, null);
            return (int)code;
        }
        catch (Exception e)
        {
            progress.Dispose();
            var report = ErrorReport.From(e);
            report.WriteTo(terminal, context.Json);
            await context.EndRecordingAsync(report.Code, report.Message);
            return (int)report.Code;
        }
    }
}
