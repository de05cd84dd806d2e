using BackupTool.Cli.Output;

namespace BackupTool.Cli.Commands;

/// <summary>Has a person at the terminal confirm, by typing its name, that something is to be wiped.</summary>
/// <param name="terminal">Where it is asked; null when it is not.</param>
internal sealed class Confirmation(Terminal? terminal)
{
    internal static Confirmation NotNeeded { get; } = new(null);

    /// <summary>Whether somebody must be asked.</summary>
    internal bool Asks => terminal is not null;

    /// <summary>Whether and how to ask.</summary>
    /// <exception cref="UsageException">It must be confirmed, and nobody is there to ask.</exception>
    internal static Confirmation For(CommandContext context, WipeOptions options)
    {
        if (context.Value(options.Yes)) return NotNeeded;
        if (Console.IsInputRedirected || !context.Terminal.IsWatched)
            throw new UsageException("A wipe must be confirmed, and there is no terminal to ask at.", "Add --yes if it is meant; --dry-run says what would be done.");
        return new Confirmation(context.Terminal);
    }

    /// <summary>Whether and how to ask for a yes.</summary>
    /// <exception cref="UsageException">It must be confirmed, and nobody is there to ask.</exception>
    internal static Confirmation ForYes(CommandContext context, bool isConfirmed)
    {
        if (isConfirmed) return NotNeeded;
        if (Console.IsInputRedirected || !context.Terminal.IsWatched)
            throw new UsageException("It must be confirmed, and there is no terminal to ask at.", "Add --yes if it is meant; --dry-run shows what would be done.");
        return new Confirmation(context.Terminal);
    }

    /// <summary>Asks for a yes.</summary>
    /// <exception cref="UsageException">Something else was typed: nothing is done.</exception>
    internal async Task AskYesAsync(string question, CancellationToken cancellationToken)
    {
        if (terminal is null) return;
        terminal.SetLiveLine("");
        terminal.Info($"{question} Type yes to have it done, anything else to leave it:");
        string? answer = await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(cancellationToken);
        if (!string.Equals(answer?.Trim(), "yes", StringComparison.OrdinalIgnoreCase)) throw new UsageException("It was not confirmed: nothing was done.", "Run it again and type yes, or add --yes.");
    }

    /// <summary>Shows what will be done, and asks for the name.</summary>
    /// <exception cref="UsageException">Something else was typed: nothing is done.</exception>
    internal async Task AskAsync(string service, IReadOnlyList<string> steps, CancellationToken cancellationToken)
    {
        terminal!.SetLiveLine("");
        for (int i = 0; i < steps.Count; i++) terminal.Info($"{i + 1,3}. {steps[i]}");
        terminal.Info($"Type the name of the service to have this done to it ({service}), anything else to leave it:");
        // A read of the terminal cannot be cancelled: it is left behind.
        string? answer = await Task.Run(Console.In.ReadLine, CancellationToken.None).WaitAsync(cancellationToken);
        if (answer?.Trim() != service) throw new UsageException("It was not confirmed: nothing was done.", $"Run it again and type {service}, or add --yes.");
    }
}
