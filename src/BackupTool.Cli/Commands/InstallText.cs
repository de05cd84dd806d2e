using BackupTool.Cli.Output;
using BackupTool.Operations.Installation;

namespace BackupTool.Cli.Commands;

/// <summary>Tells people what an installation changes, has done, and leaves to them.</summary>
internal static class InstallText
{
    internal static void ShowChanges(Terminal terminal, InstallPlan plan)
    {
        foreach (PlannedFile file in plan.Files.Where(static file => file.Diff.Length > 0))
        {
            foreach (string line in file.Diff.TrimEnd('\n').Split('\n'))
                terminal.WriteLine(line, line.StartsWith("+++", StringComparison.Ordinal) || line.StartsWith("---", StringComparison.Ordinal) ? TextStyle.Bold
                    : line.StartsWith('+') ? TextStyle.Good : line.StartsWith('-') ? TextStyle.Error : line.StartsWith('@') ? TextStyle.Dim : TextStyle.Plain);
        }
        terminal.Flush();
    }

    internal static void Tell(CommandContext context, InstallPlan plan, InstallSettings settings, bool isDone, bool isDry, string[] next)
    {
        Terminal terminal = context.Terminal;
        TellOfLeft(terminal, plan);
        if (context.Quiet) return;
        if (isDone)
        {
            terminal.WriteLine("everything is installed as it should be");
            return;
        }
        foreach (PlannedFile file in plan.Files.Where(static file => file.Step is not (FileStep.Keep or FileStep.Leave))) terminal.WriteLine($"{Words(file.Step, isDry)} {file.Path}");
        if (plan.Disabled.Count > 0) terminal.WriteLine($"{(isDry ? "would disable and stop" : "disabled and stopped")} {string.Join(", ", plan.Disabled)}");
        if (plan.Enabled.Count > 0) terminal.WriteLine($"{(isDry ? "would enable" : "enabled")} {string.Join(", ", plan.Enabled)}");
        terminal.WriteLine(settings.Mode == InstallMode.Agent ? "the agent runs the schedules" : "timers run the schedules");
        foreach (string step in next) terminal.WriteLine($"  → {step}");
    }

    internal static void TellOfLeft(Terminal terminal, InstallPlan plan)
    {
        foreach (PlannedFile file in plan.Units.Where(static file => file.Step == FileStep.Leave)) terminal.Warn($"{file.Path} is wanted no more, but was changed by hand: it stays, look at it and remove it");
    }

    internal static string[] NextSteps(InstallBasis basis, InstallPlan plan, bool isOtherSystem)
    {
        var steps = new List<string>();
        string file = basis.Configuration.File.ToString();
        if (plan.Configuration.Any(planned => planned.Path == file)) steps.Add($"Read {file}, which was proposed from what is on this machine, and correct it; 'backup config check' looks at it. Then run 'backup install' again.");
        if (isOtherSystem) steps.Add($"Enable the units: systemctl --root DIR enable {UnitTexts.RecoverName} {UnitTexts.ResumeName}, and the timers or the agent.");
        if (!Directory.Exists(basis.Configuration.Repository.Path.ToString())) steps.Add("Make the repository: 'backup init'. Until then every run fails.");
        steps.Add("See that it works: 'backup now', and 'systemctl list-timers' for when it runs.");
        return [.. steps];
    }

    private static string Words(FileStep step, bool isDry) => (step, isDry) switch
    {
        (FileStep.Create, false) => "wrote",
        (FileStep.Create, true) => "would write",
        (FileStep.Remove, false) => "removed",
        (FileStep.Remove, true) => "would remove",
        (FileStep.Overwrite, false) => "wrote over",
        (FileStep.Overwrite, true) => "would write over what was changed by hand in",
        (_, false) => "updated",
        _ => "would update",
    };
}
