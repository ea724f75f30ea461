-- name: insert_project
INSERT INTO projects (id, account_id, title, parent_id, depth, status, created_at, updated_at)
VALUES (:id, :account_id, :title, :parent_id, :depth, :status, :created_at, :updated_at);

-- name: update_project
UPDATE projects SET title = :title, parent_id = :parent_id, depth = :depth, status = :status, updated_at = :updated_at
WHERE id = :id;

-- name: delete_project
DELETE FROM projects WHERE id = :id;

-- name: project
SELECT * FROM projects WHERE id = :id AND account_id = :account_id;

-- name: projects_of_account
SELECT * FROM projects
WHERE account_id = :account_id
    AND seq < iif(:cursor IS NULL, 9223372036854775807,
        (SELECT seq FROM projects WHERE id = :cursor AND account_id = :account_id))
ORDER BY seq DESC LIMIT :limit OFFSET :offset;

-- name: projects_above
-- A project and those that it is in, the innermost first.
WITH RECURSIVE line (id, parent_id, step) AS (
    SELECT id, parent_id, 0 FROM projects WHERE id = :id AND account_id = :account_id
    UNION ALL
    SELECT p.id, p.parent_id, line.step + 1 FROM line JOIN projects AS p ON p.id = line.parent_id
)
SELECT id FROM line ORDER BY step;

-- name: depth_below
-- How many levels of projects there are in a project.
WITH RECURSIVE below (id, step) AS (
    SELECT id, 1 FROM projects WHERE parent_id = :id
    UNION ALL
    SELECT p.id, below.step + 1 FROM below JOIN projects AS p ON p.parent_id = below.id
)
SELECT coalesce(max(step), 0) FROM below;

-- name: shift_projects
-- What is in a project that was moved is so much deeper now.
WITH RECURSIVE below (id) AS (
    SELECT id FROM projects WHERE parent_id = :id
    UNION ALL
    SELECT p.id FROM below JOIN projects AS p ON p.parent_id = below.id
)
UPDATE projects SET depth = depth + :by WHERE id IN (SELECT id FROM below);

-- name: projects_in_project
SELECT * FROM projects WHERE parent_id = :id ORDER BY seq LIMIT 10;

-- name: jobs_in_project
SELECT * FROM jobs WHERE project_id = :id ORDER BY seq LIMIT 10;
