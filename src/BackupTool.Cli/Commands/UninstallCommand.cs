using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Installation;
using BackupTool.Posix;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup uninstall</c></summary>
internal static class UninstallCommand
{
    internal static Command Create(CommandHost host)
    {
        var options = new InstallOptions();
        return host.Create("uninstall",
            "Remove what 'backup install' wrote and nobody has changed since: units, never the configuration, the state or the repository. Exit codes: 3 a file that was changed by hand stayed, 75 nothing is installed.",
            (context, cancellationToken) => RunAsync(context, options, cancellationToken), options.DryRun, options.Yes, options.Root);
    }

    private static async Task<ExitCode> RunAsync(CommandContext context, InstallOptions options, CancellationToken cancellationToken)
    {
        BytePath root = options.RootOf(context);
        var installer = new Installer(root, StateOf(context, root), options.IsOtherSystem(context) ? null : new SystemdUnitFiles(context.Time));
        if (installer.ReadRecord() is not { } record)
        {
            if (context.Json) JsonReport.Write(context.Terminal, new UninstallDocument(false, [], []), CliJson.Default.UninstallDocument);
            else context.Terminal.Info("nothing is installed");
            return ExitCode.NothingToDo;
        }
        InstallPlan plan = InstallPlan.Make(new Dictionary<string, string>(), new Dictionary<string, string>(), [], record, installer.ReadFile);
        bool isDry = context.Value(options.DryRun);
        if (!isDry)
        {
            if (!context.Json && !context.Quiet) foreach (PlannedFile file in plan.Units.Where(static file => file.Step == FileStep.Remove)) context.Terminal.Info($"would remove {file.Path}");
            await Confirmation.ForYes(context, context.Value(options.Yes)).AskYesAsync("No schedule runs any more after that. Uninstall this?", cancellationToken);
            await installer.UninstallAsync(plan, cancellationToken);
        }
        if (context.Json) JsonReport.Write(context.Terminal, new UninstallDocument(isDry, [.. plan.Units.Select(InstalledFileDocument.From)], [.. plan.Disabled]), CliJson.Default.UninstallDocument);
        else Tell(context, plan, isDry);
        return plan.Units.Any(static file => file.Step == FileStep.Leave) ? ExitCode.DoneWithWarnings : ExitCode.Done;
    }

    private static void Tell(CommandContext context, InstallPlan plan, bool isDry)
    {
        InstallText.TellOfLeft(context.Terminal, plan);
        if (context.Quiet) return;
        if (plan.Disabled.Count > 0) context.Terminal.WriteLine($"{(isDry ? "would disable and stop" : "disabled and stopped")} {string.Join(", ", plan.Disabled)}");
        foreach (PlannedFile file in plan.Units.Where(static file => file.Step == FileStep.Remove)) context.Terminal.WriteLine($"{(isDry ? "would remove" : "removed")} {file.Path}");
        context.Terminal.WriteLine("the configuration, the state and the repository stay");
    }

    /// <summary>A configuration that is gone or cannot be read must not keep units installed.</summary>
    private static BytePath StateOf(CommandContext context, BytePath root)
    {
        if (!root.Equals(BytePath.From("/")))
        {
            BytePath file = root.Combine(context.ConfigFile.WithoutLeadingSlash());
            if (PosixFile.TryGetStatusFollowing(file, out _)) return ConfigurationReader.Read(file, null).State.Path;
        }
        return context.StateDirectory;
    }
}

/// <summary>The JSON of <c>uninstall</c>.</summary>
public sealed record UninstallDocument(bool DryRun, InstalledFileDocument[] Files, string[] Disabled);
