using BackupTool.Services.Systemd;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// What is stopped or frozen, in which order, and how it comes back. Deciding is pure; <see cref="QuiescedServices"/> carries it out. Only what is active is touched:
/// what was inactive or failed before is cut as it is, and stays so, but for <see cref="QuiesceTarget.StartsInAnyCase"/>.
/// </summary>
public sealed class QuiescePlan
{
    internal QuiescePlan(
        IReadOnlyList<QuiesceTarget> targets, IReadOnlyList<PlannedService> services, IReadOnlyList<PlannedUnit> units, IReadOnlyList<QuiesceProblem> problems)
    {
        (Targets, Services, Units, Problems) = (targets, services, units, problems);
        Steps = PlanSentences.Of(this);
    }

    /// <summary>What it was made for.</summary>
    public IReadOnlyList<QuiesceTarget> Targets { get; }

    /// <summary>What happens to each service, in the order given.</summary>
    public IReadOnlyList<PlannedService> Services { get; }

    /// <summary>Every unit that is touched, in the order of starting.</summary>
    public IReadOnlyList<PlannedUnit> Units { get; }

    /// <summary>Why it must not be carried out; empty when it may.</summary>
    public IReadOnlyList<QuiesceProblem> Problems { get; }

    /// <summary>The whole plan in sentences, in order.</summary>
    public IReadOnlyList<PlanStep> Steps { get; }

    /// <summary>Asks for the states of all units concerned, and decides.</summary>
    /// <exception cref="ServiceManagerException">systemd cannot be asked.</exception>
    public static async Task<QuiescePlan> MakeAsync(IReadOnlyList<QuiesceTarget> targets, IServiceManager manager, CancellationToken cancellationToken)
    {
        var states = new Dictionary<string, UnitState>(StringComparer.Ordinal);
        string[] asked = [.. targets.Select(static target => target.Unit).OfType<string>().Distinct()];
        while (asked.Length > 0)
        {
            IReadOnlyList<UnitState> answers = await manager.DescribeAsync(asked, cancellationToken);
            for (int i = 0; i < asked.Length; i++) states[asked[i]] = states[answers[i].Name] = answers[i];
            asked = [.. answers.SelectMany(static state => (IEnumerable<string>)[.. state.TriggeredBy, .. state.StopsWithIt, .. state.UpheldBy])
                .Distinct().Where(unit => !states.ContainsKey(unit))];
        }
        return Decide(targets, states, OwnUnits.Read());
    }

    /// <summary>Decides.</summary>
    /// <param name="targets">The services. The order says nothing.</param>
    /// <param name="states">The states of their units under the names used there, and of all that those name as triggers, as stopping with them or as upholding them, transitively.</param>
    /// <param name="ownUnits">The units that this process runs in.</param>
    public static QuiescePlan Decide(IReadOnlyList<QuiesceTarget> targets, IReadOnlyDictionary<string, UnitState> states, IReadOnlySet<string>? ownUnits = null) =>
        new QuiesceDecision(targets, states, ownUnits ?? new HashSet<string>()).Decide();
}
