using BackupTool.Services.Sources.Files;

namespace BackupTool.Operations.Backup;

/// <summary>Makes one listing in tree order out of several that are each in tree order; of equal paths the first stays.</summary>
internal static class TreeOrderMerge
{
    internal static IEnumerable<WalkedEntry> Merge(IReadOnlyList<IEnumerable<WalkedEntry>> listings)
    {
        var heads = new List<IEnumerator<WalkedEntry>>();
        try
        {
            foreach (IEnumerable<WalkedEntry> listing in listings)
            {
                IEnumerator<WalkedEntry> head = listing.GetEnumerator();
                if (head.MoveNext()) heads.Add(head);
                else head.Dispose();
            }
            WalkedEntry? last = null;
            while (heads.Count > 0)
            {
                IEnumerator<WalkedEntry> lowest = heads[0];
                foreach (IEnumerator<WalkedEntry> head in heads)
                    if (head.Current.Path < lowest.Current.Path) lowest = head;
                if (last is null || last.Path != lowest.Current.Path) yield return last = lowest.Current;
                if (lowest.MoveNext()) continue;
                heads.Remove(lowest);
                lowest.Dispose();
            }
        }
        finally
        {
            foreach (IEnumerator<WalkedEntry> head in heads) head.Dispose();
        }
    }
}
