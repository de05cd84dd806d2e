namespace BackupTool.Repositories.Retention;

/// <summary>Collects the reasons to keep one snapshot.</summary>
internal sealed class RetentionFindings
{
    private readonly RetentionSnapshot _snapshot;
    private readonly List<string> _reasons = [];
    private readonly List<(string Reason, List<string> Services)> _ofServices = [];

    internal RetentionFindings(RetentionSnapshot snapshot, RetentionRules rules)
    {
        _snapshot = snapshot;
        (Policies, WhyForEver) = rules.PoliciesFor(snapshot);
    }

    /// <summary>The policies that apply.</summary>
    internal IReadOnlyList<AppliedPolicy> Policies { get; }

    /// <summary>Why it is kept for ever, where none applies.</summary>
    internal string? WhyForEver { get; }

    /// <summary>A reason that is the whole snapshot's.</summary>
    internal void Keep(string reason) => _reasons.Add(reason);

    /// <summary>A reason that is one service's.</summary>
    internal void Keep(string reason, string service)
    {
        int at = _ofServices.FindIndex(known => known.Reason == reason);
        if (at >= 0) _ofServices[at].Services.Add(service);
        else _ofServices.Add((reason, [service]));
    }

    internal RetentionDecision Decide()
    {
        List<string> reasons = [.. _reasons, .. _ofServices.Select(one => Text(one.Reason, one.Services))];
        return reasons.Count > 0 ? new RetentionDecision(_snapshot, true, reasons) : new RetentionDecision(_snapshot, false, [WhyNot()]);
    }

    private string Text(string reason, List<string> services)
    {
        bool isOfAll = services.Count == _snapshot.Services.Distinct().Count();
        if (isOfAll && !reason.StartsWith("newest", StringComparison.Ordinal)) return reason;
        return isOfAll && services.Count > 3 ? $"{reason} of all its services" : $"{reason} of {string.Join(", ", services.Order(StringComparer.Ordinal))}";
    }

    private string WhyNot() =>
        _snapshot.Services.Count == 0 ? "no rule keeps it: it holds no service" : $"no rule keeps it: {string.Join("; ", Policies.Select(static policy => $"{policy.Prefix}{policy.Policy}"))}";
}
