using System.CommandLine;
using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Notifications;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup notify</c></summary>
internal static class NotifyCommand
{
    internal static Command Create(CommandHost host)
    {
        var channels = new Argument<string[]>("channel") { Description = "Only these channels, by their names in [notify.NAME] [default: all]", HelpName = "NAME" };
        var schedule = new Option<string?>("--schedule") { Description = "The schedule that the trial is about, for addresses with {schedule} [default: the first one]", HelpName = "NAME" };
        var unit = new Argument<string>("unit") { Description = "The unit that failed, such as backup@nightly.service", HelpName = "UNIT" };
        return new Command("notify", "Try the ways on which people are told, or tell them of a unit that failed.")
        {
            host.Create("test", "Send a trial on every channel, whatever it wants to know, and say what each answered. Exit code 1: one was not told; 75: there are no channels.",
                (context, cancellationToken) => TestAsync(context, context.Value(channels) ?? [], schedule, cancellationToken), channels, schedule),
            host.Create("unit-failed", "Tell that a systemd unit failed, with its result and the end of its journal: for OnFailure=. Nothing is told when the run has told of its failure itself.",
                (context, cancellationToken) => TellUnitFailedAsync(context, context.Value(unit)!, cancellationToken), unit),
        };
    }

    private static async Task<ExitCode> TestAsync(CommandContext context, string[] names, Option<string?> schedule, CancellationToken cancellationToken)
    {
        BackupConfiguration configuration = context.ReadConfiguration();
        IReadOnlyList<ChannelSettings> channels = Select(configuration.Notify.Channels, names);
        var trial = new NotifyEvent
        {
            Kind = NotifyKind.Test,
            Host = Environment.MachineName,
            Schedule = context.Value(schedule) ?? (configuration.Schedules is [var first, ..] ? first.Name : null),   // some addresses are one per schedule
            Time = context.Time.GetLocalNow(),
            Title = "a trial: somebody ran `backup notify test`",
            Lines = ["If you can read this, you will be told when a backup fails."],
        };
        IReadOnlyList<ChannelAnswer> answers = await new Notifier(configuration.Notify, context.Time).TryAsync(channels, trial, cancellationToken);
        if (context.Json) JsonReport.Write(context.Terminal, new NotifyTestDocument([.. answers.Select(ChannelAnswerDocument.From)]), CliJson.Default.NotifyTestDocument);
        else if (!context.Quiet) Print(context.Terminal, answers);
        foreach (ChannelAnswer failed in answers.Where(static answer => !answer.IsTold))
            context.Terminal.Error($"[notify.{failed.Channel.Name}] was not told: {failed.Answer}{(failed.Hint is null ? "" : $"\n  → {failed.Hint}")}");
        if (answers.Count > 0) return answers.All(static answer => answer.IsTold) ? ExitCode.Done : ExitCode.Failed;
        context.Terminal.Warn($"{configuration.File} has no [notify.NAME]: nobody is told when a backup fails");
        return ExitCode.NothingToDo;
    }

    private static ChannelSettings[] Select(IReadOnlyList<ChannelSettings> channels, string[] names)
    {
        string[] known = [.. channels.Select(static channel => channel.Name)];
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new UsageException($"There is no channel '{unknown}'.", known.Length == 0 ? "The configuration has no [notify.NAME]." : $"The channels are: {string.Join(", ", known)}.");
        return [.. channels.Where(channel => names.Length == 0 || names.Contains(channel.Name))];
    }

    private static void Print(Terminal terminal, IReadOnlyList<ChannelAnswer> answers)
    {
        var table = new Table(("CHANNEL", Align.Left), ("KIND", Align.Left), ("RESULT", Align.Left), ("ATTEMPTS", Align.Right), ("ANSWER", Align.Left));
        foreach (ChannelAnswer answer in answers)
            table.Add(answer.IsTold ? TextStyle.Good : TextStyle.Error, answer.Channel.Name, answer.Channel.Kind, answer.IsTold ? "told" : "not told", answer.Attempts.ToString(CultureInfo.InvariantCulture), answer.Answer);
        table.WriteTo(terminal);
    }

    private static async Task<ExitCode> TellUnitFailedAsync(CommandContext context, string unit, CancellationToken cancellationToken)
    {
        // What is wrong in the configuration may be just what it failed of.
        NotifySettings settings = context.ReadNotify();
        // The invocation of the unit that runs this is not the one that failed.
        var notifier = new Notifier(settings, context.Time);
        UnitFailure failure = await UnitFailure.FindAsync(unit, context.ServiceManager, context.Time, cancellationToken);
        bool wasTold = notifier.HasTold(failure.Invocation);
        IReadOnlyList<string> problems = settings.Channels.Count == 0 ? ["the configuration has no [notify.NAME] that can be used: nobody is told"]
            : wasTold ? [] : await notifier.SendAsync(failure.Event, cancellationToken);
        if (context.Json) JsonReport.Write(context.Terminal, new UnitFailedDocument(failure.Event.Title, [.. failure.Event.Lines], wasTold, [.. problems]), CliJson.Default.UnitFailedDocument);
        else if (!context.Quiet) context.Terminal.WriteLine(wasTold ? $"{failure.Event.Title}: the run has told so itself" : failure.Event.Title);
        foreach (string problem in problems) context.Terminal.Warn(problem);
        return problems.Count == 0 ? ExitCode.Done : settings.Channels.Count == 0 ? ExitCode.NothingToDo : ExitCode.DoneWithWarnings;
    }
}

/// <summary>The JSON of <c>notify test</c>.</summary>
public sealed record NotifyTestDocument(ChannelAnswerDocument[] Channels);

/// <summary>A channel in it.</summary>
public sealed record ChannelAnswerDocument(string Name, string Kind, bool Told, string Answer, int Attempts, string? Hint)
{
    internal static ChannelAnswerDocument From(ChannelAnswer answer) => new(answer.Channel.Name, answer.Channel.Kind, answer.IsTold, answer.Answer, answer.Attempts, answer.Hint);
}

/// <summary>The JSON of <c>notify unit-failed</c>.</summary>
public sealed record UnitFailedDocument(string Title, string[] Lines, bool ToldByRun, string[] Problems);
