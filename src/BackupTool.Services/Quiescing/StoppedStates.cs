using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>Judges from systemd's words what a cut is worth.</summary>
internal static class StoppedStates
{
    /// <summary>Right after the units were brought to rest.</summary>
    /// <param name="service">The service.</param>
    /// <param name="state">Its unit's state.</param>
    /// <param name="patience">How long it might take to stop.</param>
    /// <param name="isOverdue">It took longer: then it is we who had it killed.</param>
    internal static (CopyKind Kind, string? Reason) Judge(PlannedService service, UnitState? state, TimeSpan patience, bool isOverdue)
    {
        if (state is { ActiveState: "deactivating" } && service.Expected == CopyKind.Inactive) return (CopyKind.Crash, $"{state.Name} was being stopped by somebody, and had not ended yet");
        if (state is null || service.Mode == QuiesceMode.Online) return (service.Expected, null);
        if (service.Mode == QuiesceMode.Freeze) return state.IsActive ? (CopyKind.Frozen, null) : (CopyKind.Crash, $"{state.Name} ended while it was being frozen ({state.ActiveState})");
        if (state.IsActive) return (CopyKind.Crash, $"{state.Name} was running again as soon as it had been stopped: something starts it");
        if (service.Expected == CopyKind.Inactive) return (CopyKind.Inactive, null);   // how it ended before is no news of this stop
        return HowItEnded(state, patience, isOverdue) is { } reason ? (CopyKind.Crash, reason) : (CopyKind.Clean, null);
    }

    private static string? HowItEnded(UnitState state, TimeSpan patience, bool isOverdue) => state.Result switch
    {
        "success" or "" when state.ActiveState != "failed" => null,
        "timeout" => $"{state.Name} did not stop in the time that its unit gives it (TimeoutStopSec=), and was killed",
        "signal" when isOverdue => $"{state.Name} did not stop within {PlanSentences.Seconds(patience)} and was killed",
        "signal" or "core-dump" => $"{state.Name} was ended by a signal when it was stopped ({state.Result})",
        "exit-code" => $"{state.Name} failed when it was stopped: it or its ExecStop ended with an error",
        "oom-kill" => $"{state.Name} had been killed for want of memory",
        var other => $"{state.Name} did not end well ({(other.Length == 0 ? state.ActiveState : other)})",
    };

    /// <summary>At the end of the window: why the cut is not what it seemed; null when nothing has moved.</summary>
    internal static string? FindMovement(PlannedService service, UnitState atRest, UnitState now)
    {
        switch (service.Mode)
        {
            case QuiesceMode.Stop when now.IsActive || HasBeenStarted(atRest, now):
                return $"{now.Name} came back during the window: something starts it";
            case QuiesceMode.Freeze when !now.IsActive || HasBeenStarted(atRest, now):
                return $"{now.Name} ended while it was frozen ({now.ActiveState})";
            case QuiesceMode.Freeze when now.FreezerState is "running" or "thawing":
                return $"{now.Name} was thawed by somebody during the window";
            case QuiesceMode.Online when service.Expected == CopyKind.Inactive && (now.IsActive || HasBeenStarted(atRest, now)):
                return $"{now.Name} was started by somebody during the window";
            default:
                return null;
        }
    }

    private static bool HasBeenStarted(UnitState before, UnitState now) => now.InvocationId.Length > 0 && now.InvocationId != before.InvocationId;
}
