using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Installation;

/// <summary>Carries a plan out, wholly or not at all: when systemd refuses, every file is as it was.</summary>
/// <param name="root">What stands before every path; <c>/</c> but for another system's disk.</param>
/// <param name="stateDirectory">Where it is recorded, as the installed system sees it.</param>
/// <param name="systemd">Told of it; null when the files are another system's.</param>
public sealed class Installer(BytePath root, BytePath stateDirectory, SystemdUnitFiles? systemd)
{
    private const uint FileMode = 0x1a4 /* 0644 */, ConfigurationMode = 0x180 /* 0600 */;

    private BytePath StateOnDisk => OnDisk(UnitTexts.TextOf(stateDirectory));

    /// <summary>What was installed before; null for nothing.</summary>
    public InstallRecord? ReadRecord() => InstallRecord.Read(StateOnDisk);

    /// <summary>What is in a file of the installed system; null when it is not there.</summary>
    public byte[]? ReadFile(string path) => WholeUnitFile.Read(OnDisk(path));

    /// <summary>Installs.</summary>
    /// <param name="plan">What is done.</param>
    /// <param name="settings">What is recorded besides.</param>
    /// <param name="before">What was installed before.</param>
    /// <param name="cancellationToken">Cancels before systemd has been told; then all is put back.</param>
    /// <exception cref="ServiceManagerException">systemd refused: nothing is changed.</exception>
    /// <exception cref="PosixException">A file cannot be written: nothing is changed.</exception>
    public async Task InstallAsync(InstallPlan plan, InstallSettings settings, InstallRecord? before, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(settings);
        InstallRecord after = RecordOf(plan, settings);
        // Whoever is killed in the middle knows both as his own.
        string[] HashesBefore(string path) => before?.Files.FirstOrDefault(file => file.Path == path)?.Sha256 ?? [];
        InstalledFile[] dropped = [.. (before?.Files ?? []).Where(old => after.Files.All(file => file.Path != old.Path))];
        (after with { Files = [.. after.Files.Select(file => file with { Sha256 = [.. file.Sha256.Union(HashesBefore(file.Path))] }), .. dropped], Enabled = [.. after.Enabled.Union(before?.Enabled ?? [])] }).Write(StateOnDisk);
        try
        {
            // What is wanted no more is stopped while its file is there.
            if (systemd is not null && plan.Disabled.Count > 0) await systemd.DisableAsync(plan.Disabled, cancellationToken);
            foreach (PlannedFile file in plan.Files) Apply(file, file.After, plan.Configuration.Contains(file) ? ConfigurationMode : FileMode);
            cancellationToken.ThrowIfCancellationRequested();
            if (systemd is not null) await EnableAsync(plan, before, systemd);
        }
        catch (Exception)
        {
            await PutBackAsync(plan, before);
            throw;
        }
        after.Write(StateOnDisk);
    }

    private static async Task EnableAsync(InstallPlan plan, InstallRecord? before, SystemdUnitFiles systemd)
    {
        await systemd.ReloadAsync(CancellationToken.None);
        await systemd.EnableAsync(plan.Enabled, CancellationToken.None);
        // What runs at boot alone is not started now; a timer or agent that is as it was goes on.
        string[] changed = [.. plan.Units.Where(static file => file.Step is FileStep.Create or FileStep.Update or FileStep.Overwrite).Select(static file => NameOf(file.Path))];
        string[] restarted = [.. plan.Enabled.Where(IsStarted).Where(unit => changed.Contains(unit) || before?.Enabled.Contains(unit) != true)];
        if (restarted.Length > 0) await systemd.RestartAsync(restarted, CancellationToken.None);
    }

    /// <summary>Takes away what was installed and nobody has changed.</summary>
    /// <param name="plan">A plan that wants nothing.</param>
    /// <param name="cancellationToken">Cancels before anything is done.</param>
    /// <exception cref="ServiceManagerException">systemd refused: no file is removed.</exception>
    public async Task UninstallAsync(InstallPlan plan, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        cancellationToken.ThrowIfCancellationRequested();
        if (systemd is not null && plan.Disabled.Count > 0)
        {
            await systemd.DisableAsync(plan.Disabled, CancellationToken.None);
            string[] timers = [.. plan.Disabled.Where(static unit => unit.EndsWith(".timer", StringComparison.Ordinal))];
            await systemd.ForgetRunsAsync(timers, CancellationToken.None);
        }
        foreach (PlannedFile file in plan.Units) Apply(file, file.After, FileMode);
        if (systemd is not null) await systemd.ReloadAsync(CancellationToken.None);
        InstallRecord.Remove(StateOnDisk);
    }

    private void Apply(PlannedFile file, string? content, uint mode)
    {
        if (file.Step is FileStep.Keep or FileStep.Leave) return;
        BytePath path = OnDisk(file.Path);
        if (content is null) WholeUnitFile.Remove(path);
        else
        {
            MakeDirectory(path.Parent);
            WholeUnitFile.Write(path, Encoding.UTF8.GetBytes(content), mode);
        }
    }

    private async Task PutBackAsync(InstallPlan plan, InstallRecord? before)
    {
        string[] enabledNow = [.. plan.Enabled.Except(before?.Enabled ?? [])];
        foreach (PlannedFile file in plan.Files.Where(file => file.After is null || file.Before is not null)) Apply(file, file.Before, FileMode);
        if (systemd is not null)
        {
            // While the new ones are there: what has no file cannot be disabled. What was never enabled is no error.
            try
            {
                if (enabledNow.Length > 0) await systemd.DisableAsync(enabledNow, CancellationToken.None);
            }
            catch (ServiceManagerException) when (plan.Files.Any(static file => file.Before is null))
            {
                // Their files are removed below, and with them what systemd does not know.
            }
        }
        foreach (PlannedFile file in plan.Files.Where(static file => file.Before is null)) Apply(file, null, FileMode);
        if (before is null) InstallRecord.Remove(StateOnDisk);
        else before.Write(StateOnDisk);
        if (systemd is null) return;
        await systemd.ReloadAsync(CancellationToken.None);
        if (before is { Enabled.Length: > 0 } && plan.Disabled.Count > 0)
        {
            await systemd.EnableAsync(plan.Disabled, CancellationToken.None);
            await systemd.RestartAsync([.. plan.Disabled.Where(IsStarted)], CancellationToken.None);
        }
    }

    private InstallRecord RecordOf(InstallPlan plan, InstallSettings settings) => new()
    {
        FormatVersion = InstallRecord.CurrentVersion,
        Mode = settings.Mode,
        Program = settings.Program,
        Credentials = [.. settings.Credentials],
        Files = [.. plan.Units.Where(static file => file.After is not null).Select(static file => new InstalledFile(file.Path, [InstallRecord.HashOf(Encoding.UTF8.GetBytes(file.After!))]))],
        Enabled = systemd is null ? [] : [.. plan.Enabled],
    };

    private static bool IsStarted(string unit) => unit is not (UnitTexts.RecoverUnit or UnitTexts.ResumeUnit);

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    private BytePath OnDisk(string path) => root.Combine(BytePath.From(path).WithoutLeadingSlash());

    private static void MakeDirectory(BytePath path)
    {
        if (PosixFile.TryGetStatusFollowing(path, out _)) return;
        MakeDirectory(path.Parent);
        PosixDirectory.Current.CreateDirectory(path, 0x1ed /* 0755 */);
    }
}
