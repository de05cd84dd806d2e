using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>What the system's own configuration puts where it is, and no restore can or should change.</summary>
internal static class SystemOwned
{
    private static readonly BytePath[] Stores = [BytePath.From("/nix/store"), BytePath.From("/gnu/store")];
    private static readonly BytePath Generated = BytePath.From("/etc/static");

    /// <summary>Whether a real path lies in such a place.</summary>
    internal static bool Holds(BytePath path) => Array.Exists(Stores, store => path.IsAtOrBelow(store));

    /// <summary>Whether a link that points there is the system's, wherever it stands.</summary>
    internal static bool MakesLinkTo(BytePath target) => Holds(target) || target.IsAtOrBelow(Generated);
}
