namespace BackupTool.Services.Quiescing;

/// <summary>What comes before what. Never has a cycle: an order that would close one is refused.</summary>
internal sealed class UnitGraph
{
    private readonly Dictionary<string, HashSet<string>> _followers = new(StringComparer.Ordinal);
    private readonly List<string> _nodes = [];

    internal void Add(string node)
    {
        if (!_followers.TryAdd(node, new(StringComparer.Ordinal))) return;
        _nodes.Add(node);
    }

    /// <summary>Puts one before the other; false when it already comes after it.</summary>
    internal bool TryOrder(string first, string second)
    {
        if (first == second) return false;
        Add(first);
        Add(second);
        if (Leads(second, first)) return false;
        _followers[first].Add(second);
        return true;
    }

    private bool Leads(string from, string to)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([from]);
        while (open.TryPop(out string? node))
        {
            if (node == to) return true;
            if (!seen.Add(node)) continue;
            foreach (string follower in _followers[node]) open.Push(follower);
        }
        return false;
    }

    /// <summary>How many steps at least come after a node: 0 for the last ones.</summary>
    internal Dictionary<string, int> StepsToEnd()
    {
        var steps = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string node in _nodes) Count(node);
        return steps;

        int Count(string node)
        {
            if (steps.TryGetValue(node, out int known)) return known;
            int most = 0;
            foreach (string follower in _followers[node]) most = Math.Max(most, 1 + Count(follower));
            return steps[node] = most;
        }
    }

    /// <summary>Every node after those that come before it; else in the order of their adding.</summary>
    internal List<string> InOrder()
    {
        var missing = _nodes.ToDictionary(static node => node, _ => 0, StringComparer.Ordinal);
        foreach (string follower in _followers.Values.SelectMany(static f => f)) missing[follower]++;
        var order = new List<string>();
        while (order.Count < _nodes.Count)
        {
            string next = _nodes.First(node => missing[node] == 0);
            missing[next] = -1;
            order.Add(next);
            foreach (string follower in _followers[next]) missing[follower]--;
        }
        return order;
    }
}
