using System.CommandLine;
using BackupTool.Cli.Demo;
using BackupTool.Cli.Output;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup demo</c>, and the hidden command that is its writing bot.</summary>
internal static class DemoCommand
{
    internal static Command Create(CommandHost host) =>
        host.Create("demo", "Show the whole tool on a small stack in a temporary directory, in under a minute. Touches nothing else.", static async (context, cancellationToken) =>
        {
            await new DemoRun(context.Terminal, context.Time).RunAsync(cancellationToken);
            return ExitCode.Done;
        });

    internal static Command CreateWriter(CommandHost host)
    {
        var directory = new Argument<string>("directory");
        Command command = host.Create(DemoWriterProcess.Subcommand, "Writes the demo's bot.db until its standard input ends.",
            (context, cancellationToken) => DemoWriter.RunAsync(context.Value(directory)!, Console.In, Console.Out, context.Time, cancellationToken), directory);
        command.Hidden = true;
        return command;
    }
}
