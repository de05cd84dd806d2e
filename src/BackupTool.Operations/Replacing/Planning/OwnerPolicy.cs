namespace BackupTool.Operations.Replacing.Planning;

/// <summary>Whose the restored files are to be, where the users of this machine are not those of the snapshot.</summary>
public enum OwnerPolicy
{
    /// <summary>The numbers of the snapshot, and none of them may mean somebody else here, or nobody.</summary>
    Checked,
    /// <summary>The numbers of the snapshot, whatever they mean here.</summary>
    Numeric,
    /// <summary>The numbers that the snapshot's names have here. Every name must be known.</summary>
    ByName,
}
