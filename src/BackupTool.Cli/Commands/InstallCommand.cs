using System.CommandLine;
using System.Text.Json;
using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Installation;
using BackupTool.Posix;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup install</c></summary>
internal static class InstallCommand
{
    internal static Command Create(CommandHost host)
    {
        var options = new InstallOptions();
        return host.Create("install",
            "Install the systemd units that run the schedules, and a configuration where there is none. Shows what changes, and asks. Run it again after a change of the services or schedules. Exit codes: 3 a file that was changed by hand stayed, 75 all is as it should be.",
            (context, cancellationToken) => RunAsync(context, options, cancellationToken), [.. options.All]);
    }

    private static async Task<ExitCode> RunAsync(CommandContext context, InstallOptions options, CancellationToken cancellationToken)
    {
        BytePath root = options.RootOf(context);
        InstallBasis basis = InstallBasis.Find(root, context.ConfigFile);
        var installer = new Installer(root, basis.Configuration.State.Path, options.IsOtherSystem(context) ? null : new SystemdUnitFiles(context.Time));
        InstallRecord? record = installer.ReadRecord();
        InstallSettings settings = options.SettingsOf(context, record);
        RefuseUnknownCredentials(basis, settings);
        InstallPlan plan = InstallPlan.Make(basis.UnitFiles(settings, context.Time.GetUtcNow()), basis.Proposed, options.IsOtherSystem(context) ? [] : UnitTexts.Enabled(settings, basis.Configuration), record, installer.ReadFile);
        bool isDone = record is not null && !plan.ChangesFiles && plan.Disabled.Count == 0 && plan.Enabled.All(record.Enabled.Contains) && settings.IsRecorded(record);
        bool isDry = context.Value(options.DryRun);
        if (!context.Json && !(context.Quiet && (context.Value(options.Yes) || context.Value(options.Force)))) InstallText.ShowChanges(context.Terminal, plan);
        if (!isDone && !isDry) await CarryOutAsync(context, options, installer, plan, settings, record, cancellationToken);
        string[] next = InstallText.NextSteps(basis, plan, options.IsOtherSystem(context));
        if (context.Json) JsonReport.Write(context.Terminal, InstallDocument.From(plan, settings, isDry, next), CliJson.Default.InstallDocument);
        else InstallText.Tell(context, plan, settings, isDone, isDry, next);
        return plan.Units.Any(static file => file.Step == FileStep.Leave) ? ExitCode.DoneWithWarnings : isDone ? ExitCode.NothingToDo : ExitCode.Done;
    }

    private static async Task CarryOutAsync(CommandContext context, InstallOptions options, Installer installer, InstallPlan plan, InstallSettings settings, InstallRecord? record, CancellationToken cancellationToken)
    {
        string[] foreign = [.. plan.Foreign.Select(static file => file.Path)];
        bool isForced = context.Value(options.Force);
        if (foreign.Length > 0 && !isForced && (context.Value(options.Yes) || context.Json))
            throw new UsageException($"{string.Join(", ", foreign)}: changed since, or written by somebody else. Nothing was done.", "Move your changes into a drop-in (systemctl edit UNIT), then add --force to write over them.");
        Confirmation confirmation = Confirmation.ForYes(context, isForced || context.Value(options.Yes));
        await confirmation.AskYesAsync(foreign.Length == 0 ? "Install this?" : $"{string.Join(", ", foreign)}: changed by hand, and those changes would be lost. Install this?", cancellationToken);
        try
        {
            await installer.InstallAsync(plan, settings, record, cancellationToken);
        }
        catch (PosixException e) when (e.Errno is Errno.EROFS or Errno.EACCES or Errno.EPERM)
        {
            throw new OperationException($"The units cannot be installed: {e.Message}. Nothing was changed.", e.Errno == Errno.EROFS ? "On NixOS, import schedules/nixos/module.nix instead." : "Run it as root.", e);
        }
    }

    private static void RefuseUnknownCredentials(InstallBasis basis, InstallSettings settings)
    {
        string[] unknown = [.. basis.Credentials.Except(settings.Credentials.Select(static credential => credential.Name))];
        if (unknown.Length > 0)
            throw new UsageException($"The configuration reads the credential{(unknown.Length == 1 ? "" : "s")} {string.Join(", ", unknown)}, and no unit would have {(unknown.Length == 1 ? "it" : "them")}.", $"Say where it is: --credential {unknown[0]}:/path");
    }
}

/// <summary>The JSON of <c>install</c>.</summary>
public sealed record InstallDocument(string Mode, bool DryRun, string Program, InstalledFileDocument[] Files, string[] Enabled, string[] Disabled, string[] NextSteps)
{
    internal static InstallDocument From(InstallPlan plan, InstallSettings settings, bool isDry, string[] next) => new(JsonNamingPolicy.CamelCase.ConvertName(settings.Mode.ToString()), isDry, settings.Program,
        [.. plan.Files.Select(InstalledFileDocument.From)], [.. plan.Enabled], [.. plan.Disabled], next);
}

/// <summary>A file in it: keep, create, update, overwrite, remove or leave.</summary>
public sealed record InstalledFileDocument(string Path, string Step, string Diff)
{
    internal static InstalledFileDocument From(PlannedFile file) => new(file.Path, JsonNamingPolicy.CamelCase.ConvertName(file.Step.ToString()), file.Diff);
}
